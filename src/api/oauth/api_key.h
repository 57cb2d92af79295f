#pragma once
// API keys: what a tenant's devices present instead of a token, until it expires or is revoked. "brk_", 16 hex digits
// of id, "_", and 32 random bytes in base64url. Control makes them and keeps their SHA-256 only; since the secret is
// 256 random bits, a slow hash would add nothing. Gateways verify them from the snapshot, without asking anybody.

#include <optional>
#include <string>
#include <string_view>

namespace barrio::api {

inline constexpr std::string_view api_key_prefix = "brk_";

struct NewApiKey {
  std::string id;
  std::string text;  // the whole key: shown once
  std::string sha256;
};
NewApiKey make_api_key();

/// The id within a text that has the form of a key.
std::optional<std::string_view> api_key_id(std::string_view text);
std::string api_key_hash(std::string_view text);

}  // namespace barrio::api
