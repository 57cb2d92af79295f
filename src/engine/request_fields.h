#pragma once
// The header fields by which callers say how urgent a request is.
//
//   Barrio-Deadline-Ms: 120.5     what is left of its time, from its first byte
//   grpc-timeout: 120m            the same; the shorter one counts
//   Barrio-Class: hard            hard, soft or best_effort
//   Barrio-Tenant: acme           whose share of the device it takes

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

}  // namespace barrio::engine
