#pragma once
// The few cryptographic operations that Barrio needs, over OpenSSL 3's EVP interface. Nothing here keeps state.

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct evp_pkey_st;  // OpenSSL's EVP_PKEY

namespace barrio {

/// 64 lower-case hex digits.
std::string sha256_hex(std::string_view data);
/// Takes the same time wherever the texts differ; texts of different length are told apart at once.
bool constant_time_equal(std::string_view a, std::string_view b);
/// From the operating system's generator; for keys, secrets and salts.
std::string random_bytes(size_t count);
/// Slow on purpose (scrypt, RFC 7914, N = 16384, r = 8, p = 1: about 50 ms and 16 MiB): call it off the loop. 32 bytes.
std::string hash_secret(std::string_view secret, std::string_view salt);

/// A private key on the curve P-256, for ECDSA with SHA-256 (JWS algorithm ES256, RFC 7518 section 3.4).
class Es256Key {
 public:
  static Result<Es256Key> generate();
  /// PKCS #8, not encrypted. Errors: invalid, also for a key of another kind.
  static Result<Es256Key> from_pem(std::string_view pem);
  std::string pem() const;
  /// 64 bytes, r followed by s, as JWS wants them. Safe to call from any thread.
  std::string sign(std::string_view data) const;
  /// Coordinates of the public key in base64url, as in a JWK (RFC 7518 section 6.2.1).
  const std::string& x() const { return x_; }
  const std::string& y() const { return y_; }

 private:
  Es256Key(std::shared_ptr<evp_pkey_st> key, std::string x, std::string y)
      : key_(std::move(key)), x_(std::move(x)), y_(std::move(y)) {}
  static Result<Es256Key> wrap(evp_pkey_st* key);

  std::shared_ptr<evp_pkey_st> key_;
  std::string x_;
  std::string y_;
};

/// Errors: invalid (x, y are not a point of P-256), denied (the signature is not of this data by this key).
Result<void> verify_es256(std::string_view x, std::string_view y, std::string_view data, std::string_view signature);

}  // namespace barrio
