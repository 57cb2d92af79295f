#pragma once
// Saying no over HTTP: RFC 9457 problem details with Barrio's `reason` and `nearest`; to gRPC, its status and message.

#include <string>

#include "model/refusal.h"
#include "net/server.h"

namespace barrio::gateway {

struct Problem {
  int status = 500;
  std::string reason;   // a word for programs: "policy", "invalid_token"
  std::string detail;   // a sentence for people
  std::string nearest;  // what would work; may be empty
};

Problem problem_of(int status, const Refusal& refusal);
std::string problem_json(const Problem& problem);
bool is_grpc(const net::RequestHead& head);
/// To a gRPC request: HTTP 200 with nothing but trailers, as its protocol wants it. Else with Retry-After on 503 and
/// WWW-Authenticate on 401.
void reply_problem(net::Exchange& exchange, const Problem& problem);

}  // namespace barrio::gateway
