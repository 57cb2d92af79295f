#pragma once
// X.509 certificates and their keys, over OpenSSL 3: reading PEM, saying what is in a certificate, and Barrio's own
// certificate authority. Values; nothing here keeps state or reads a clock.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

struct evp_pkey_st;  // OpenSSL's EVP_PKEY
struct x509_st;      // OpenSSL's X509

namespace barrio {

/// Of a public key, for people to compare: the first 128 bits of the SHA-256 of its SubjectPublicKeyInfo (RFC 5280
/// section 4.1.2.7), "3f2a-91bc-..." with eight groups. Nobody can make another key with the same.
/// Null, of a certificate whose key is of a kind unknown here: empty.
std::string key_fingerprint(evp_pkey_st* key);
/// As it was made, from what a person typed: capitals, spaces and colons do not matter. Errors: invalid.
Result<std::string> parse_key_fingerprint(std::string_view text);

/// What a person or a policy wants to know of a certificate.
struct CertificateInfo {
  std::string subject;  // RFC 2253: "CN=bio1,O=Barrio"
  std::string issuer;
  std::string serial;  // hexadecimal
  WallTime not_before;
  WallTime not_after;
  std::vector<std::string> dns;  // subject alternative names, lower case
  std::vector<std::string> ips;
  std::vector<std::string> uris;
  std::string key;          // "ECDSA P-256", "RSA 2048"
  std::string fingerprint;  // of the key: key_fingerprint()
  bool authority = false;

  bool valid_at(WallTime now) const { return now >= not_before && now < not_after; }
};

class Certificate {
 public:
  /// All certificates of a PEM text, in its order; at least one. Errors: invalid.
  static Result<std::vector<Certificate>> read_all(std::string_view pem);
  explicit Certificate(std::shared_ptr<x509_st> native) : native_(std::move(native)) {}

  std::string pem() const;
  CertificateInfo info() const;
  /// Whether this certificate's key signed the other one.
  bool issued(const Certificate& other) const;
  x509_st* native() const { return native_.get(); }

 private:
  std::shared_ptr<x509_st> native_;
};

/// A key that somebody asks for a certificate with. Of the same kinds as PrivateKey.
class PublicKey {
 public:
  /// From signing_request()'s text or another's: who made it has the private key. What names it asks for is not read.
  /// Errors: invalid.
  static Result<PublicKey> from_request(std::string_view pem);
  std::string fingerprint() const { return key_fingerprint(native_.get()); }
  explicit PublicKey(std::shared_ptr<evp_pkey_st> native) : native_(std::move(native)) {}
  evp_pkey_st* native() const { return native_.get(); }

 private:
  std::shared_ptr<evp_pkey_st> native_;
};

/// ECDSA on P-256 or P-384, or RSA of at least 2048 bits.
class PrivateKey {
 public:
  static PrivateKey generate();  // P-256
  /// Errors: invalid, also for an encrypted key and for one of another kind.
  static Result<PrivateKey> from_pem(std::string_view pem);
  std::string pem() const;  // PKCS #8, not encrypted
  bool belongs_to(const Certificate& certificate) const;
  std::string fingerprint() const { return key_fingerprint(native_.get()); }
  PublicKey public_key() const { return PublicKey(native_); }
  /// PEM of a request for a certificate (PKCS #10, RFC 2986) for this key, which signs it.
  std::string signing_request(std::string_view common_name) const;
  explicit PrivateKey(std::shared_ptr<evp_pkey_st> native) : native_(std::move(native)) {}
  evp_pkey_st* native() const { return native_.get(); }

 private:
  std::shared_ptr<evp_pkey_st> native_;
};

/// A certificate to be made. Every name is checked by issue().
struct CertificateRequest {
  std::string common_name;
  std::vector<std::string> dns = {};   // "a.example" or "*.a.example"
  std::vector<std::string> ips = {};   // IPv4 or IPv6
  std::vector<std::string> uris = {};  // "barrio://site/bio1"
  std::chrono::days days = std::chrono::days(90);
};

struct IssuedCertificate {
  Certificate certificate;
  PrivateKey key;
};

/// Signs certificates with its key (ECDSA P-256, SHA-256).
class CertificateAuthority {
 public:
  /// A new root, valid for ten years from `now`.
  static CertificateAuthority make(std::string_view name, WallTime now);
  /// Errors: invalid (not PEM, not an authority, the key is of another certificate).
  static Result<CertificateAuthority> from_pem(std::string_view certificate, std::string_view key);
  /// For a new key. Errors: as certify().
  Result<IssuedCertificate> issue(const CertificateRequest& request, WallTime now) const;
  /// Errors: invalid, naming the field; a certificate never outlives its authority.
  Result<Certificate> certify(const CertificateRequest& request, const PublicKey& key, WallTime now) const;
  const Certificate& certificate() const { return certificate_; }
  const PrivateKey& key() const { return key_; }

 private:
  CertificateAuthority(Certificate certificate, PrivateKey key)
      : certificate_(std::move(certificate)), key_(std::move(key)) {}
  Certificate certificate_;
  PrivateKey key_;
};

}  // namespace barrio
