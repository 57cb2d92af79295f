#include "base/crypto.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include <array>
#include <optional>

#include "base/check.h"
#include "base/digest.h"
#include "base/openssl_types.h"
#include "base/text.h"

namespace barrio {

namespace {

constexpr size_t coordinate_bytes = 32;
constexpr const char* curve = "prime256v1";

using Pkey = OpensslPtr<EVP_PKEY, EVP_PKEY_free>;
using PkeyContext = OpensslPtr<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using DigestContext = OpensslPtr<EVP_MD_CTX, EVP_MD_CTX_free>;
using Bignum = OpensslPtr<BIGNUM, BN_free>;
using Signature = OpensslPtr<ECDSA_SIG, ECDSA_SIG_free>;
using Bio = OpensslPtr<BIO, BIO_free_all>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}

std::string big_endian(const BIGNUM* number) {
  std::string out(coordinate_bytes, '\0');
  CHECK(BN_bn2binpad(number, bytes_of(out), coordinate_bytes) == static_cast<int>(coordinate_bytes));
  return out;
}

Result<std::string> coordinate(EVP_PKEY* key, const char* name) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &raw) != 1) return fail(Code::invalid, "the key is not an elliptic-curve key");
  Bignum number(raw);
  return base64url(big_endian(number.get()));
}

Result<Pkey> public_key(std::string_view x, std::string_view y) {
  auto x_bytes = from_base64url(x);
  auto y_bytes = from_base64url(y);
  if (!x_bytes || !y_bytes || x_bytes->size() != coordinate_bytes || y_bytes->size() != coordinate_bytes) {
    return fail(Code::invalid, "the coordinates of a P-256 key must be 32 bytes each, in base64url");
  }
  std::string point = "\x04" + *x_bytes + *y_bytes;  // uncompressed form, SEC 1 section 2.3.3
  std::string group = curve;
  std::array<OSSL_PARAM, 3> parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), group.size()),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
      OSSL_PARAM_construct_end()};
  PkeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* key = nullptr;
  const bool made = context && EVP_PKEY_fromdata_init(context.get()) == 1 &&
                    EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.data()) == 1;
  if (!made) return fail(Code::invalid, "the coordinates are not a point of P-256");
  return Pkey(key);
}

/// JWS writes r and s side by side; OpenSSL wants the ASN.1 form.
std::optional<std::string> to_der(std::string_view raw) {
  Signature signature(ECDSA_SIG_new());
  Bignum r(BN_bin2bn(bytes_of(raw), coordinate_bytes, nullptr));
  Bignum s(BN_bin2bn(bytes_of(raw.substr(coordinate_bytes)), coordinate_bytes, nullptr));
  if (!signature || !r || !s || ECDSA_SIG_set0(signature.get(), r.release(), s.release()) != 1) return std::nullopt;
  const int length = i2d_ECDSA_SIG(signature.get(), nullptr);
  if (length <= 0) return std::nullopt;
  std::string der(static_cast<size_t>(length), '\0');
  unsigned char* out = bytes_of(der);
  i2d_ECDSA_SIG(signature.get(), &out);
  return der;
}

std::string from_der(std::string_view der) {
  const unsigned char* in = bytes_of(der);
  Signature signature(d2i_ECDSA_SIG(nullptr, &in, static_cast<long>(der.size())));
  CHECK(signature != nullptr);
  return big_endian(ECDSA_SIG_get0_r(signature.get())) + big_endian(ECDSA_SIG_get0_s(signature.get()));
}

}  // namespace

std::string sha256_hex(std::string_view data) {
  return to_hex(sha256(data));
}

bool constant_time_equal(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string random_bytes(size_t count) {
  std::string out(count, '\0');
  CHECK(RAND_bytes(bytes_of(out), static_cast<int>(count)) == 1);
  return out;
}

std::string hash_secret(std::string_view secret, std::string_view salt) {
  std::string out(32, '\0');
  constexpr uint64_t most_memory = 64 * 1024 * 1024;
  CHECK(EVP_PBE_scrypt(secret.data(), secret.size(), bytes_of(salt), salt.size(), 16384, 8, 1, most_memory,
                       bytes_of(out), out.size()) == 1);
  return out;
}

Result<Es256Key> Es256Key::wrap(evp_pkey_st* key) {
  std::shared_ptr<evp_pkey_st> owned(key, EVP_PKEY_free);
  std::array<char, 64> group{};
  size_t length = 0;
  const bool is_p256 =
      EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group.data(), group.size(), &length) == 1 &&
      std::string_view(group.data()) == curve;
  if (!is_p256) return fail(Code::invalid, "the key must be on the curve P-256");
  TRY(auto x, coordinate(key, OSSL_PKEY_PARAM_EC_PUB_X));
  TRY(auto y, coordinate(key, OSSL_PKEY_PARAM_EC_PUB_Y));
  return Es256Key(std::move(owned), std::move(x), std::move(y));
}

Result<Es256Key> Es256Key::generate() {
  EVP_PKEY* key = EVP_EC_gen(curve);
  if (key == nullptr) return fail(Code::unavailable, "no key could be generated");
  return wrap(key);
}

Result<Es256Key> Es256Key::from_pem(std::string_view pem) {
  Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  // An encrypted key must be refused, not asked about on the terminal.
  auto no_passphrase = [](char*, int, int, void*) { return -1; };
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr);
  if (key == nullptr) return fail(Code::invalid, "not a PEM private key");
  return wrap(key);
}

std::string Es256Key::pem() const {
  Bio bio(BIO_new(BIO_s_mem()));
  CHECK(PEM_write_bio_PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  char* data = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<size_t>(length));
}

std::string Es256Key::sign(std::string_view data) const {
  DigestContext context(EVP_MD_CTX_new());
  std::string der(128, '\0');
  size_t length = der.size();
  CHECK(EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) == 1);
  CHECK(EVP_DigestSign(context.get(), bytes_of(der), &length, bytes_of(data), data.size()) == 1);
  return from_der(std::string_view(der).substr(0, length));
}

Result<void> verify_es256(std::string_view x, std::string_view y, std::string_view data, std::string_view signature) {
  TRY(auto key, public_key(x, y));
  if (signature.size() != 2 * coordinate_bytes) return fail(Code::denied, "the signature is not 64 bytes");
  auto der = to_der(signature);
  DigestContext context(EVP_MD_CTX_new());
  const bool good = der && EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1 &&
                    EVP_DigestVerify(context.get(), bytes_of(*der), der->size(), bytes_of(data), data.size()) == 1;
  if (!good) return fail(Code::denied, "bad signature");
  return {};
}

}  // namespace barrio
