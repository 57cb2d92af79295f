#include "base/x509.h"

#include <arpa/inet.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <array>

#include "base/check.h"
#include "base/crypto.h"
#include "base/openssl_types.h"
#include "base/text.h"

namespace barrio {

namespace {

using Bio = OpensslPtr<BIO, BIO_free_all>;
using Bignum = OpensslPtr<BIGNUM, BN_free>;
using Names = OpensslPtr<GENERAL_NAMES, GENERAL_NAMES_free>;

constexpr size_t most_certificates = 1000;  // of one file: all the roots of a system are 150
constexpr int least_rsa_bits = 2048;
constexpr size_t fingerprint_digits = 32;
constexpr size_t fingerprint_group = 4;

Bio reader(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string written(BIO* bio) {
  char* data = nullptr;
  const long length = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<size_t>(length));
}

std::string name_text(const X509_NAME* name) {
  Bio bio(BIO_new(BIO_s_mem()));
  CHECK(X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB)) >=
        0);
  return written(bio.get());
}

WallTime wall_time(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return WallTime(std::chrono::seconds(::timegm(&parts)));
}

std::string serial_text(const X509* certificate) {
  const Bignum number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
  char* text = BN_bn2hex(number.get());
  std::string result = to_lower(text);
  OPENSSL_free(text);
  return result;
}

std::string ia5_text(const ASN1_IA5STRING* text) {
  return std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                     static_cast<size_t>(ASN1_STRING_length(text)));
}

std::string ip_text(const ASN1_OCTET_STRING* bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = ASN1_STRING_length(bytes) == 4 ? AF_INET : AF_INET6;
  if (ASN1_STRING_length(bytes) != 4 && ASN1_STRING_length(bytes) != 16) return "";
  ::inet_ntop(family, ASN1_STRING_get0_data(bytes), text.data(), text.size());
  return text.data();
}

std::string curve_text(const EVP_PKEY* key) {
  std::array<char, 64> group{};
  size_t length = 0;
  EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group.data(), group.size(), &length);
  const std::string_view name = group.data();
  if (name == "prime256v1") return "P-256";
  if (name == "secp384r1") return "P-384";
  return std::string(name);
}

bool is_strong(const EVP_PKEY* key, const std::string& kind) {
  return kind == "ECDSA P-256" || kind == "ECDSA P-384" ||
         (EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) >= least_rsa_bits);
}

std::string key_text(const EVP_PKEY* key) {
  if (key == nullptr) return "unknown";
  if (EVP_PKEY_is_a(key, "EC")) return "ECDSA " + curve_text(key);
  if (EVP_PKEY_is_a(key, "RSA")) return "RSA " + std::to_string(EVP_PKEY_get_bits(key));
  return EVP_PKEY_get0_type_name(key);
}

void read_names(const X509* certificate, CertificateInfo& info) {
  const Names names(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS) info.dns.push_back(to_lower(ia5_text(name->d.dNSName)));
    if (name->type == GEN_URI) info.uris.push_back(ia5_text(name->d.uniformResourceIdentifier));
    if (name->type == GEN_IPADD) info.ips.push_back(ip_text(name->d.iPAddress));
  }
}

std::string weak_text(const std::string& kind) {
  return "the key is " + kind + "; it must be ECDSA P-256 or P-384, or RSA of 2048 bits or more";
}

std::string grouped(std::string_view digits) {
  std::string text;
  for (size_t i = 0; i < digits.size(); i += fingerprint_group)
    text += (i == 0 ? "" : "-") + std::string(digits.substr(i, fingerprint_group));
  return text;
}

}  // namespace

std::string key_fingerprint(EVP_PKEY* key) {
  if (key == nullptr) return "";
  unsigned char* der = nullptr;
  const int length = i2d_PUBKEY(key, &der);
  CHECK(length > 0);
  const std::string hash = sha256_hex({reinterpret_cast<const char*>(der), static_cast<size_t>(length)});
  OPENSSL_free(der);
  return grouped(std::string_view(hash).substr(0, fingerprint_digits));
}

Result<std::string> parse_key_fingerprint(std::string_view text) {
  std::string digits;
  for (const char c : to_lower(text)) {
    if (c == '-' || c == ':' || c == ' ') continue;
    digits += c;
  }
  const bool hex = digits.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!hex || digits.size() != fingerprint_digits) {
    return fail(
        Code::invalid,
        "must be the " + std::to_string(fingerprint_digits) + " hexadecimal digits that the site's machine shows",
        "fingerprint");
  }
  return grouped(digits);
}

Result<std::vector<Certificate>> Certificate::read_all(std::string_view pem) {
  std::vector<Certificate> found;
  const Bio bio = reader(pem);
  while (X509* one = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    found.emplace_back(std::shared_ptr<X509>(one, X509_free));
    if (found.size() > most_certificates)
      return fail(Code::invalid, "more than " + std::to_string(most_certificates) + " certificates");
  }
  // Nothing more is the usual end; anything else is a certificate that cannot be read.
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (found.empty() && at_end) return fail(Code::invalid, "not PEM: no '-----BEGIN CERTIFICATE-----' in it");
  if (!at_end)
    return fail(Code::invalid, "certificate " + std::to_string(found.size() + 1) + " in it cannot be read (bad PEM)");
  return found;
}

std::string Certificate::pem() const {
  Bio bio(BIO_new(BIO_s_mem()));
  CHECK(PEM_write_bio_X509(bio.get(), native_.get()) == 1);
  return written(bio.get());
}

CertificateInfo Certificate::info() const {
  X509* certificate = native_.get();
  CertificateInfo info{.subject = name_text(X509_get_subject_name(certificate)),
                       .issuer = name_text(X509_get_issuer_name(certificate)),
                       .serial = serial_text(certificate),
                       .not_before = wall_time(X509_get0_notBefore(certificate)),
                       .not_after = wall_time(X509_get0_notAfter(certificate)),
                       .dns = {},
                       .ips = {},
                       .uris = {},
                       .key = key_text(X509_get0_pubkey(certificate)),
                       .fingerprint = key_fingerprint(X509_get0_pubkey(certificate)),
                       .authority = X509_check_ca(certificate) == 1};
  read_names(certificate, info);
  return info;
}

bool Certificate::issued(const Certificate& other) const {
  const bool good = X509_check_issued(native_.get(), other.native_.get()) == X509_V_OK &&
                    X509_verify(other.native_.get(), X509_get0_pubkey(native_.get())) == 1;
  ERR_clear_error();
  return good;
}

PrivateKey PrivateKey::generate() {
  EVP_PKEY* key = EVP_EC_gen("prime256v1");
  CHECK(key != nullptr);
  return PrivateKey(std::shared_ptr<EVP_PKEY>(key, EVP_PKEY_free));
}

Result<PrivateKey> PrivateKey::from_pem(std::string_view pem) {
  const Bio bio = reader(pem);
  // An encrypted key must be refused, not asked about on the terminal.
  auto no_passphrase = [](char*, int, int, void*) { return -1; };
  EVP_PKEY* raw = PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr);
  ERR_clear_error();
  if (raw == nullptr) return fail(Code::invalid, "not a PEM private key without a passphrase");
  PrivateKey key(std::shared_ptr<EVP_PKEY>(raw, EVP_PKEY_free));
  const std::string kind = key_text(raw);
  if (!is_strong(raw, kind)) return fail(Code::invalid, weak_text(kind));
  return key;
}

std::string PrivateKey::pem() const {
  Bio bio(BIO_new(BIO_s_mem()));
  CHECK(PEM_write_bio_PrivateKey(bio.get(), native_.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return written(bio.get());
}

std::string PrivateKey::signing_request(std::string_view common_name) const {
  const OpensslPtr<X509_REQ, X509_REQ_free> request(X509_REQ_new());
  CHECK(request && X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) == 1);
  CHECK(X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request.get()), "CN", MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(common_name.data()),
                                   static_cast<int>(common_name.size()), -1, 0) == 1);
  CHECK(X509_REQ_set_pubkey(request.get(), native_.get()) == 1);
  CHECK(X509_REQ_sign(request.get(), native_.get(), EVP_sha256()) > 0);
  const Bio bio(BIO_new(BIO_s_mem()));
  CHECK(PEM_write_bio_X509_REQ(bio.get(), request.get()) == 1);
  return written(bio.get());
}

Result<PublicKey> PublicKey::from_request(std::string_view pem) {
  const Bio bio = reader(pem);
  const OpensslPtr<X509_REQ, X509_REQ_free> request(PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, nullptr));
  EVP_PKEY* raw = request ? X509_REQ_get_pubkey(request.get()) : nullptr;
  ERR_clear_error();
  if (raw == nullptr) return fail(Code::invalid, "not a PEM request for a certificate (PKCS #10)");
  PublicKey key(std::shared_ptr<EVP_PKEY>(raw, EVP_PKEY_free));
  const std::string kind = key_text(raw);
  if (!is_strong(raw, kind)) return fail(Code::invalid, weak_text(kind));
  const bool is_signed = X509_REQ_verify(request.get(), raw) == 1;
  ERR_clear_error();
  if (!is_signed) return fail(Code::invalid, "the request is not signed by the key that it is for");
  return key;
}

bool PrivateKey::belongs_to(const Certificate& certificate) const {
  const bool same = X509_check_private_key(certificate.native(), native_.get()) == 1;
  ERR_clear_error();
  return same;
}

}  // namespace barrio
