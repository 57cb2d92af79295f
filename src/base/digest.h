#pragma once
// Hashes of what comes in pieces, HMAC, and sealing (AES-256-GCM), over OpenSSL 3's EVP interface. An object is used by
// one thread at a time.

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct evp_md_ctx_st;  // OpenSSL's EVP_MD_CTX

namespace barrio {

enum class DigestKind { md5, sha1, sha256 };

class Digest {
 public:
  explicit Digest(DigestKind kind);
  ~Digest();
  Digest(Digest&&) noexcept;
  Digest& operator=(Digest&&) noexcept;
  void add(std::string_view data);
  /// The raw bytes. The object is done afterwards.
  std::string finish();

 private:
  evp_md_ctx_st* context_;
};

std::string digest_of(DigestKind kind, std::string_view data);
std::string hmac_sha256(std::string_view key, std::string_view data);
std::string hex_of(std::string_view bytes);
/// Of either case. Errors: invalid.
Result<std::string> bytes_of_hex(std::string_view hex);
std::string base64(std::string_view bytes);
/// With padding, strict. Errors: invalid.
Result<std::string> from_base64(std::string_view text);

inline constexpr size_t seal_key_bytes = 32;
inline constexpr size_t seal_nonce_bytes = 12;
inline constexpr size_t seal_tag_bytes = 16;

/// AES-256-GCM: the ciphertext followed by its tag. A nonce is used once with a key. `bound` is authenticated, not kept.
std::string seal(std::string_view key, std::string_view nonce, std::string_view bound, std::string_view text);
/// Errors: invalid (another key, or not what was sealed).
Result<std::string> unseal(std::string_view key, std::string_view nonce, std::string_view bound,
                           std::string_view sealed);
/// With a random nonce in front: for the few keys and files that one key seals.
std::string seal_boxed(std::string_view key, std::string_view bound, std::string_view text);
Result<std::string> unseal_boxed(std::string_view key, std::string_view bound, std::string_view box);

}  // namespace barrio
