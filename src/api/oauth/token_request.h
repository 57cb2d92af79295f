#pragma once
// The token endpoint's messages: client credentials grant, RFC 6749 section 4.4, with the credentials in the form or in
// an Authorization: Basic header.

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace barrio::api {

struct TokenRequest {
  std::string client_id;
  std::string client_secret;
  std::vector<std::string> scopes;  // empty: all that the account has
};

/// RFC 6749 section 5.2. `status` is 400 or 401.
struct TokenError {
  int status = 400;
  std::string error;  // invalid_request, invalid_client, unsupported_grant_type, invalid_scope
  std::string description;
};

struct TokenAnswer {
  std::string access_token;
  std::string token_type = "Bearer";
  int64_t expires_in = 0;  // seconds
  std::string scope;
};
BARRIO_DESCRIBE(TokenAnswer, (), (access_token, token_type, expires_in, scope))

/// `authorization` is that header's value, or empty.
tl::expected<TokenRequest, TokenError> read_token_request(std::string_view authorization, std::string_view content_type,
                                                          std::string_view body);
Json to_json_body(const TokenError& error);

}  // namespace barrio::api
