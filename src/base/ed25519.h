#pragma once
// Signatures of things that people sign, like container images: Ed25519 (RFC 8032) over OpenSSL's EVP interface.

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct evp_pkey_st;  // OpenSSL's EVP_PKEY

namespace barrio {

/// "ed25519:" and the 32 bytes of RFC 8032 section 5.1.5 in base64url.
class Ed25519PublicKey {
 public:
  /// Errors: invalid.
  static Result<Ed25519PublicKey> parse(std::string_view text);
  static Ed25519PublicKey of(std::string bytes) { return Ed25519PublicKey(std::move(bytes)); }
  Ed25519PublicKey() = default;
  std::string str() const;
  /// The 32 bytes of RFC 8032 section 5.1.5.
  const std::string& bytes() const { return bytes_; }
  /// Errors: denied: the signature (64 bytes) is not of this data by this key.
  Result<void> verify(std::string_view data, std::string_view signature) const;
  bool operator==(const Ed25519PublicKey&) const = default;

 private:
  explicit Ed25519PublicKey(std::string bytes) : bytes_(std::move(bytes)) {}
  std::string bytes_;
};

class Ed25519Key {
 public:
  static Result<Ed25519Key> generate();
  /// PKCS #8, not encrypted, as `openssl genpkey -algorithm ed25519` writes it. Errors: invalid.
  static Result<Ed25519Key> from_pem(std::string_view pem);
  std::string pem() const;
  Ed25519PublicKey public_key() const;
  /// 64 bytes.
  std::string sign(std::string_view data) const;

 private:
  explicit Ed25519Key(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}
  std::shared_ptr<evp_pkey_st> key_;
};

}  // namespace barrio
