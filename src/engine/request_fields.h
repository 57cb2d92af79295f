#pragma once
// The header fields by which callers say how urgent a request is.
//
//   Barrio-Deadline-Ms: 120.5     what is left of its time, from its first byte
//   grpc-timeout: 120m            the same; the shorter one counts
//   Barrio-Class: hard            hard, soft or best_effort
//   Barrio-Tenant: acme           whose share of the device it takes
//
// and the request parameter by which Triton's clients do.

#include <optional>
#include <string>

#include "engine/inference_service.h"
#include "net/http.h"

namespace barrio::engine {

struct RequestFields {
  std::optional<Time> deadline = {};
  std::optional<UrgencyClass> urgency = {};
  std::string tenant = {};
};

/// Errors: invalid, naming the field.
Result<RequestFields> read_request_fields(const net::RequestHead& head, Time first_byte);

/// Takes Triton's request parameter "timeout" out, microseconds from its first byte; the shorter time counts. Errors:
/// invalid (not a whole number).
Result<void> take_timeout(ports::Parameters& parameters, Time arrived, std::optional<Time>& deadline);

}  // namespace barrio::engine
