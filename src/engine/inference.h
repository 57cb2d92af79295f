#pragma once
// What surrounds a model's run in the Open Inference Protocol over REST: from a request's bytes to its tensors, and
// from outputs to an answer's bytes. Runs on the loop, or for large JSON on a thread; knows no sockets and no queue.

#include "api/oip/message.h"
#include "engine/inference_service.h"
#include "net/http.h"

namespace barrio::engine {

/// What the field Inference-Header-Content-Length says. Errors: invalid.
Result<std::optional<size_t>> json_length_of(std::span<const net::Header> headers);

/// Errors: invalid (names the tensor, or an output that the model does not have).
Result<api::InferRequest> parse_inference(api::SplitBody body, const ports::ModelInfo& model);

/// 200 with the outputs that were asked for and the version that ran (empty: not told), or the protocol's error object.
net::Response print_inference(ports::Outputs outputs, const api::InferRequest& asked, const std::string& model,
                              const std::string& version);

/// The HTTP status for a failure while serving a request.
int status_of(Code code);
/// 404, 429 (at arrival) or 503, with Retry-After and Barrio-Earliest-Ms where they are known.
net::Response declined_response(const Declined& declined);
/// With Retry-After for 503.
net::Response error_response(int status, std::string_view what);

}  // namespace barrio::engine
