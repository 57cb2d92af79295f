#include "api/oauth/api_key.h"

#include <span>

#include "base/crypto.h"
#include "base/text.h"

namespace barrio::api {

namespace {

constexpr size_t id_bytes = 8;
constexpr size_t secret_bytes = 32;
constexpr size_t id_size = 2 * id_bytes;
constexpr size_t secret_size = (secret_bytes * 8 + 5) / 6;
constexpr size_t key_size = api_key_prefix.size() + id_size + 1 + secret_size;

}  // namespace

NewApiKey make_api_key() {
  const std::string bytes = random_bytes(id_bytes);
  NewApiKey made;
  made.id = to_hex({reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()});
  made.text = std::string(api_key_prefix) + made.id + "_" + base64url(random_bytes(secret_bytes));
  made.sha256 = api_key_hash(made.text);
  return made;
}

std::optional<std::string_view> api_key_id(std::string_view text) {
  if (text.size() != key_size || !text.starts_with(api_key_prefix)) return std::nullopt;
  const std::string_view id = text.substr(api_key_prefix.size(), id_size);
  if (id.find_first_not_of("0123456789abcdef") != std::string_view::npos) return std::nullopt;
  if (text[api_key_prefix.size() + id_size] != '_') return std::nullopt;
  return id;
}

std::string api_key_hash(std::string_view text) {
  return sha256_hex(text);
}

}  // namespace barrio::api
