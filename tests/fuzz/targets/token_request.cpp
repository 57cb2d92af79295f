// Requests for a token. The input's first line is the Authorization field, its second the Content-Type, the rest the
// body.

#include "api/oauth/token_request.h"
#include "base/check.h"
#include "target.h"

namespace barrio::fuzz {

namespace {

std::string_view take_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.size(), line.size() + 1));
  return line;
}

}  // namespace

void run_target(std::string_view input) {
  const std::string_view authorization = take_line(input);
  const std::string_view type = take_line(input);
  const auto request = api::read_token_request(authorization, type, input);
  if (request) {
    CHECK(!request->client_id.empty());
    return;
  }
  const api::TokenError& error = request.error();
  CHECK(error.status == 400 || error.status == 401);
  CHECK(!error.error.empty() && !error.description.empty());
  CHECK(parse_json(print_json(api::to_json_body(error))).has_value());
}

}  // namespace barrio::fuzz
