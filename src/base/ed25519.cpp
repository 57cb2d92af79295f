#include "base/ed25519.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/check.h"
#include "base/openssl_types.h"
#include "base/text.h"

namespace barrio {

namespace {

constexpr std::string_view ed25519_prefix = "ed25519:";
constexpr size_t ed25519_key_bytes = 32;
constexpr size_t ed25519_signature_bytes = 64;

const unsigned char* raw(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* raw(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}

}  // namespace

Result<Ed25519PublicKey> Ed25519PublicKey::parse(std::string_view text) {
  const bool named = text.starts_with(ed25519_prefix);
  auto bytes = named ? from_base64url(text.substr(ed25519_prefix.size())) : std::nullopt;
  if (!bytes || bytes->size() != ed25519_key_bytes) {
    return fail(Code::invalid,
                "must be ed25519: and the 32 bytes of a public key in base64url, as 'barrio image key' prints it");
  }
  return Ed25519PublicKey(std::move(*bytes));
}

std::string Ed25519PublicKey::str() const {
  return std::string(ed25519_prefix) + base64url(bytes_);
}

Result<void> Ed25519PublicKey::verify(std::string_view data, std::string_view signature) const {
  if (signature.size() != ed25519_signature_bytes) return fail(Code::denied, "the signature is not 64 bytes");
  OpensslPtr<EVP_PKEY, EVP_PKEY_free> key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw(bytes_), bytes_.size()));
  OpensslPtr<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
  const bool good = key && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
                    EVP_DigestVerify(context.get(), raw(signature), signature.size(), raw(data), data.size()) == 1;
  if (!good) return fail(Code::denied, "bad signature");
  return {};
}

Result<Ed25519Key> Ed25519Key::generate() {
  EVP_PKEY* key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  if (key == nullptr) return fail(Code::unavailable, "no key could be generated");
  return Ed25519Key(std::shared_ptr<EVP_PKEY>(key, EVP_PKEY_free));
}

Result<Ed25519Key> Ed25519Key::from_pem(std::string_view pem) {
  OpensslPtr<BIO, BIO_free_all> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  // An encrypted key must be refused, not asked about on the terminal.
  auto no_passphrase = [](char*, int, int, void*) { return -1; };
  std::shared_ptr<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr), EVP_PKEY_free);
  if (!key || EVP_PKEY_get_id(key.get()) != EVP_PKEY_ED25519) {
    return fail(Code::invalid, "must be a PEM file with an Ed25519 private key that is not encrypted");
  }
  return Ed25519Key(std::move(key));
}

std::string Ed25519Key::pem() const {
  OpensslPtr<BIO, BIO_free_all> bio(BIO_new(BIO_s_mem()));
  CHECK(PEM_write_bio_PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  char* data = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<size_t>(length));
}

Ed25519PublicKey Ed25519Key::public_key() const {
  std::string bytes(ed25519_key_bytes, '\0');
  size_t length = bytes.size();
  CHECK(EVP_PKEY_get_raw_public_key(key_.get(), raw(bytes), &length) == 1);
  return Ed25519PublicKey::of(std::move(bytes));
}

std::string Ed25519Key::sign(std::string_view data) const {
  OpensslPtr<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
  std::string signature(ed25519_signature_bytes, '\0');
  size_t length = signature.size();
  CHECK(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1);
  CHECK(EVP_DigestSign(context.get(), raw(signature), &length, raw(data), data.size()) == 1);
  return signature;
}

}  // namespace barrio
