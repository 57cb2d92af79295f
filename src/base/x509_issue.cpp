// Barrio's own certificate authority: what it signs, and what it refuses to.

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "base/check.h"
#include "base/openssl_types.h"
#include "base/text.h"
#include "base/x509.h"

namespace barrio {

namespace {

using Names = OpensslPtr<GENERAL_NAMES, GENERAL_NAMES_free>;
using Native = std::shared_ptr<X509>;

constexpr std::chrono::days root_lifetime{3652};
/// Certificates are valid from a little before now: clocks of sites differ.
constexpr std::chrono::minutes clock_skew{5};
constexpr size_t most_names = 100;

std::time_t seconds_of(WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

void set_serial(X509* certificate) {
  unsigned char bytes[16];
  CHECK(RAND_bytes(bytes, sizeof bytes) == 1);
  bytes[0] = static_cast<unsigned char>((bytes[0] & 0x7f) | 0x40);  // positive, and of one length (RFC 5280 4.1.2.2)
  BIGNUM* number = BN_bin2bn(bytes, sizeof bytes, nullptr);
  CHECK(BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nullptr);
  BN_free(number);
}

void set_name(X509_NAME* name, std::string_view common) {
  auto add = [&](const char* field, std::string_view value) {
    CHECK(X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(value.data()),
                                     static_cast<int>(value.size()), -1, 0) == 1);
  };
  add("O", "Barrio");
  add("CN", common);
}

void add_extension(X509* certificate, X509* issuer, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const OpensslPtr<X509_EXTENSION, X509_EXTENSION_free> extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value));
  CHECK(extension && X509_add_ext(certificate, extension.get(), -1) == 1);
}

Native blank(std::string_view common_name, EVP_PKEY* key, WallTime from, WallTime until) {
  Native made(X509_new(), X509_free);
  CHECK(made && X509_set_version(made.get(), X509_VERSION_3) == 1);
  set_serial(made.get());
  set_name(X509_get_subject_name(made.get()), common_name);
  CHECK(ASN1_TIME_set(X509_getm_notBefore(made.get()), seconds_of(from)) != nullptr);
  CHECK(ASN1_TIME_set(X509_getm_notAfter(made.get()), seconds_of(until)) != nullptr);
  CHECK(X509_set_pubkey(made.get(), key) == 1);
  return made;
}

void sign(X509* certificate, const PrivateKey& key) {
  CHECK(X509_sign(certificate, key.native(), EVP_sha256()) > 0);
}

bool is_dns_name(std::string_view text) {
  if (text.starts_with("*.")) text.remove_prefix(2);
  if (text.empty() || text.size() > 253) return false;
  for (const std::string_view label : split(text, '.')) {
    const bool letters = std::all_of(label.begin(), label.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
    });
    if (!letters || label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
  }
  return true;
}

bool is_uri(std::string_view text) {
  const bool printable = std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
  return printable && text.find("://") != std::string_view::npos && text.size() <= 500;
}

void add_name(GENERAL_NAMES* names, int kind, ASN1_STRING* value) {
  GENERAL_NAME* name = GENERAL_NAME_new();
  CHECK(name != nullptr && value != nullptr);
  GENERAL_NAME_set0_value(name, kind, value);
  CHECK(sk_GENERAL_NAME_push(names, name) > 0);
}

ASN1_STRING* ia5(std::string_view text) {
  ASN1_STRING* value = ASN1_IA5STRING_new();
  CHECK(value != nullptr && ASN1_STRING_set(value, text.data(), static_cast<int>(text.size())) == 1);
  return value;
}

Result<Names> names_of(const CertificateRequest& request) {
  Names names(GENERAL_NAMES_new());
  for (const std::string& dns : request.dns) {
    if (!is_dns_name(dns)) return fail(Code::invalid, "'" + dns + "' is no DNS name", "dns");
    add_name(names.get(), GEN_DNS, ia5(to_lower(dns)));
  }
  for (const std::string& ip : request.ips) {
    ASN1_OCTET_STRING* bytes = a2i_IPADDRESS(ip.c_str());
    if (bytes == nullptr) return fail(Code::invalid, "'" + ip + "' is no IP address", "ips");
    add_name(names.get(), GEN_IPADD, bytes);
  }
  for (const std::string& uri : request.uris) {
    if (!is_uri(uri)) return fail(Code::invalid, "'" + uri + "' is no URI", "uris");
    add_name(names.get(), GEN_URI, ia5(uri));
  }
  const int count = sk_GENERAL_NAME_num(names.get());
  if (count == 0) return fail(Code::invalid, "a certificate needs a DNS name, an IP address or a URI", "dns");
  if (static_cast<size_t>(count) > most_names)
    return fail(Code::invalid, "at most " + std::to_string(most_names) + " names", "dns");
  return names;
}

}  // namespace

CertificateAuthority CertificateAuthority::make(std::string_view name, WallTime now) {
  PrivateKey key = PrivateKey::generate();
  const Native root = blank(name, key.native(), now - clock_skew, now + root_lifetime);
  X509* raw = root.get();
  CHECK(X509_set_issuer_name(raw, X509_get_subject_name(raw)) == 1);
  add_extension(raw, raw, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  add_extension(raw, raw, NID_key_usage, "critical,keyCertSign,cRLSign");
  add_extension(raw, raw, NID_subject_key_identifier, "hash");
  sign(raw, key);
  return {Certificate(root), std::move(key)};
}

Result<CertificateAuthority> CertificateAuthority::from_pem(std::string_view certificate, std::string_view key) {
  TRY(auto certificates, Certificate::read_all(certificate));
  TRY(auto private_key, PrivateKey::from_pem(key));
  if (!certificates.front().info().authority)
    return fail(Code::invalid, "the certificate is not one of a certificate authority");
  if (!private_key.belongs_to(certificates.front()))
    return fail(Code::invalid, "the key is not the one of the authority's certificate");
  return CertificateAuthority(certificates.front(), std::move(private_key));
}

Result<IssuedCertificate> CertificateAuthority::issue(const CertificateRequest& request, WallTime now) const {
  PrivateKey key = PrivateKey::generate();
  TRY(auto certificate, certify(request, key.public_key(), now));
  return IssuedCertificate{std::move(certificate), std::move(key)};
}

Result<Certificate> CertificateAuthority::certify(const CertificateRequest& request, const PublicKey& key,
                                                  WallTime now) const {
  if (request.common_name.empty() || request.common_name.size() > 64)
    return fail(Code::invalid, "must have 1 to 64 characters", "common_name");
  if (request.days < std::chrono::days(1)) return fail(Code::invalid, "must be at least 1", "days");
  TRY(auto names, names_of(request));
  const CertificateInfo root = certificate_.info();
  if (!root.valid_at(now)) return fail(Code::invalid, "the authority's own certificate is not valid now", root.subject);
  const Native made = blank(request.common_name, key.native(), std::max<WallTime>(now - clock_skew, root.not_before),
                            std::min<WallTime>(now + request.days, root.not_after));
  X509* raw = made.get();
  CHECK(X509_set_issuer_name(raw, X509_get_subject_name(certificate_.native())) == 1);
  add_extension(raw, certificate_.native(), NID_basic_constraints, "critical,CA:FALSE");
  add_extension(raw, certificate_.native(), NID_key_usage, "critical,digitalSignature");
  add_extension(raw, certificate_.native(), NID_ext_key_usage, "serverAuth,clientAuth");
  add_extension(raw, certificate_.native(), NID_subject_key_identifier, "hash");
  add_extension(raw, certificate_.native(), NID_authority_key_identifier, "keyid");
  CHECK(X509_add1_ext_i2d(raw, NID_subject_alt_name, names.get(), 0, X509V3_ADD_DEFAULT) == 1);
  sign(raw, key_);
  return Certificate(made);
}

}  // namespace barrio
