#include "api/oauth/token_request.h"

#include <map>
#include <optional>

#include "base/base64.h"
#include "base/text.h"

namespace barrio::api {

namespace {

constexpr size_t max_body_bytes = 4096;

std::optional<int> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

/// application/x-www-form-urlencoded; nullopt for a bad escape.
std::optional<std::string> form_decode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i] == '+' ? ' ' : text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    auto high = hex_digit(text[i + 1]);
    auto low = hex_digit(text[i + 2]);
    if (!high || !low) return std::nullopt;
    out += static_cast<char>(*high * 16 + *low);
    i += 2;
  }
  return out;
}

/// Repeated names are refused, as RFC 6749 section 3.2 asks.
std::optional<std::map<std::string, std::string>> read_form(std::string_view body) {
  std::map<std::string, std::string> form;
  for (std::string_view pair : split(body, '&')) {
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    auto name = form_decode(pair.substr(0, equals));
    auto value = form_decode(pair.substr(equals + 1));
    if (!name || !value || !form.emplace(*name, *value).second) return std::nullopt;
  }
  return form;
}

/// RFC 6749 section 2.3.1: id and secret are form-encoded before they are joined.
bool read_basic(std::string_view authorization, TokenRequest& request) {
  std::string_view encoded = trim(authorization.substr(6));
  while (encoded.ends_with('=')) encoded.remove_suffix(1);  // some clients leave its padding out
  auto decoded = from_base64(std::string(encoded) + std::string((4 - encoded.size() % 4) % 4, '='));
  if (!decoded) return false;
  const size_t colon = decoded->find(':');
  if (colon == std::string::npos) return false;
  auto id = form_decode(std::string_view(*decoded).substr(0, colon));
  auto secret = form_decode(std::string_view(*decoded).substr(colon + 1));
  if (!id || !secret) return false;
  request.client_id = *id;
  request.client_secret = *secret;
  return true;
}

tl::unexpected<TokenError> bad_request(std::string why) {
  return tl::unexpected(TokenError{400, "invalid_request", std::move(why)});
}

}  // namespace

tl::expected<TokenRequest, TokenError> read_token_request(std::string_view authorization, std::string_view content_type,
                                                          std::string_view body) {
  if (body.size() > max_body_bytes) return bad_request("the body is longer than 4096 bytes");
  if (to_lower(trim(content_type.substr(0, content_type.find(';')))) != "application/x-www-form-urlencoded") {
    return bad_request("Content-Type must be application/x-www-form-urlencoded");
  }
  auto form = read_form(body);
  if (!form) return bad_request("the body is not a form, or names a field twice");
  if (!form->contains("grant_type")) return bad_request("grant_type is missing");
  if (form->at("grant_type") != "client_credentials") {
    return tl::unexpected(TokenError{400, "unsupported_grant_type", "grant_type must be client_credentials"});
  }
  TokenRequest request;
  if (to_lower(authorization.substr(0, 6)) == "basic ") {
    if (form->contains("client_secret"))
      return bad_request("credentials are given twice, in the header and in the form");
    if (!read_basic(authorization, request)) return bad_request("the Authorization: Basic header cannot be read");
  } else {
    request.client_id = (*form)["client_id"];
    request.client_secret = (*form)["client_secret"];
  }
  if (request.client_id.empty() || request.client_secret.empty()) {
    return tl::unexpected(TokenError{401, "invalid_client", "client_id and client_secret are needed"});
  }
  for (std::string_view scope : split((*form)["scope"], ' ')) {
    if (!scope.empty()) request.scopes.emplace_back(scope);
  }
  return request;
}

Json to_json_body(const TokenError& error) {
  return JsonObject{{"error", error.error}, {"error_description", error.description}};
}

}  // namespace barrio::api
