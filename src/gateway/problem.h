#pragma once
// Saying no over HTTP: RFC 9457 problem details with Barrio's `reason` and `nearest`; to gRPC, its status and message.
// Clients of the Open Inference Protocol and of OpenAI's API look for `error`, and show nothing where it is not there:
// a request that is theirs gets it beside the rest, in the form of its protocol.

#include <string>

#include "gateway/cors.h"
#include "model/refusal.h"
#include "net/server.h"

namespace barrio::gateway {

struct Problem {
  int status = 500;
  std::string reason = {};   // a word for programs: "policy", "invalid_token"
  std::string detail = {};   // a sentence for people
  std::string nearest = {};  // what would work; may be empty
  int64_t retry_after = 0;   // seconds; 0: said only with 503, as 1
  std::string limit = {};    // which limit was met, and its value; empty: none was
  std::string value = {};
};

/// Whose form an error has beside ours, by the path as the app sees it: /v2/... and /v1/...
enum class ErrorForm { plain, open_inference, openai };
ErrorForm error_form_of(const net::RequestHead& head);

Problem problem_of(int status, const Refusal& refusal);
std::string problem_json(const Problem& problem, ErrorForm form);
/// With Barrio-Refused (the reason), by which other gateways tell our refusals from an app's own answers; Retry-After
/// on 429 and 503, WWW-Authenticate on 401. To a gRPC request: HTTP 200 with nothing but trailers, as its protocol
/// wants it. Pages that may call the app may read why it did not answer.
void reply_problem(net::Exchange& exchange, const Problem& problem, const CorsGrant& cors);

}  // namespace barrio::gateway
