#pragma once
// One inference from bytes to bytes: parse, run, print. Runs on a worker's thread; knows no sockets and no queue.

#include "api/oip/message.h"
#include "net/http.h"
#include "ports/inference_backend.h"

namespace barrio::engine {

/// 200 with the outputs, or the protocol's error object with the status that fits the failure.
net::Response infer(ports::Model& model, const net::Request& request);

/// The HTTP status for a failure while serving a request.
int status_of(Code code);
net::Response error_response(int status, std::string_view what);

/// Runs the model once on zeros (free dimensions are 1), so that the first caller does not pay for its first-time work.
/// Models that take BYTES are not warmed: there are no bytes that mean nothing.
void warm(ports::Model& model);

}  // namespace barrio::engine
