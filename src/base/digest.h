#pragma once
// SHA-256 (FIPS 180-4) and HMAC over it (RFC 2104) as bytes; base/crypto.h has the digest as text.

#include <array>
#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;  // OpenSSL's EVP_MD_CTX

namespace barrio {

using Digest = std::array<unsigned char, 32>;

Digest sha256(std::string_view data);
Digest hmac_sha256(std::string_view key, std::string_view data);
/// Of data that comes in pieces.
class Sha256 {
 public:
  Sha256();
  void add(std::string_view piece);
  /// Of all pieces since the last finish().
  Digest finish();

 private:
  std::shared_ptr<evp_md_ctx_st> context_;
};

inline std::string_view text_of(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace barrio
