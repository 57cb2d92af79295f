#include "gateway/callers.h"

#include "api/oauth/api_key.h"

namespace barrio::gateway {

namespace {

constexpr const char* how = "Authorization: Bearer TOKEN from /oauth2/token, or x-api-key: brk_...";

/// What is presented; a key in x-api-key counts where there is no Authorization.
Result<std::string_view> credential_in(std::span<const net::Header> headers) {
  if (const auto header = net::find_header(headers, net::Field::authorization)) return api::bearer_token(*header);
  const auto key = net::find_header(headers, net::Field::x_api_key);
  if (key && is_api_key(*key)) return *key;
  return fail(Code::not_found, "no Authorization header");
}

}  // namespace

bool is_api_key(std::string_view credential) {
  return credential.starts_with(api::api_key_prefix);
}

void Callers::set_snapshot(const Snapshot& snapshot) {
  tokens_.set_keys(snapshot.keys);
  keys_.set_keys(snapshot.api_keys);
}

Result<const api::Identity*> Callers::verify(std::string_view credential, WallTime now) {
  return is_api_key(credential) ? keys_.verify(credential, now) : tokens_.verify(credential, now);
}

std::variant<const api::Identity*, Problem> Callers::anybody(std::span<const net::Header> headers, WallTime now) {
  const auto credential = credential_in(headers);
  if (!credential) {
    const bool none = credential.error().code == Code::not_found;
    return Problem{401, none ? "no_token" : "invalid_token", credential.error().text(), how};
  }
  const auto identity = verify(*credential, now);
  if (!identity) return Problem{401, "invalid_token", identity.error().text(), "a new token from /oauth2/token"};
  return *identity;
}

std::variant<const api::Identity*, Problem> Callers::tenant(std::span<const net::Header> headers, WallTime now) {
  auto caller = anybody(headers, now);
  const auto* identity = std::get_if<const api::Identity*>(&caller);
  if (identity == nullptr) return caller;
  if ((*identity)->role != api::role::tenant) {
    return Problem{403, "wrong_role", "a token of role '" + (*identity)->role + "' does not infer", "a tenant's token"};
  }
  if (!(*identity)->has(api::scope::infer)) {
    return Problem{403, "insufficient_scope", "the token lacks scope " + std::string(api::scope::infer),
                   "a token with scope " + std::string(api::scope::infer)};
  }
  return caller;
}

std::variant<const api::Identity*, Problem> Callers::network_operator(std::span<const net::Header> headers,
                                                                      WallTime now) {
  auto caller = anybody(headers, now);
  const auto* identity = std::get_if<const api::Identity*>(&caller);
  if (identity == nullptr || (*identity)->role == api::role::network_operator) return caller;
  return Problem{403, "wrong_role", "a token of role '" + (*identity)->role + "' does not read this over TLS",
                 "an operator's token"};
}

}  // namespace barrio::gateway
