#pragma once
// Saying no over HTTP: RFC 9457 problem details with Barrio's `reason` and `nearest`.

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
/// With Retry-After on 503 and WWW-Authenticate on 401.
void reply_problem(net::Exchange& exchange, const Problem& problem);

}  // namespace barrio::gateway
