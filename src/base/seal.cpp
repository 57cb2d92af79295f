#include "base/seal.h"

#include <openssl/evp.h>

#include "base/check.h"
#include "base/crypto.h"
#include "base/openssl_types.h"

namespace barrio {

namespace {

using CipherContext = OpensslPtr<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;

const unsigned char* sealing_bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

/// Looked up once: EVP_aes_256_gcm() has the provider search for it at each use.
const EVP_CIPHER* sealing_method() {
  static const EVP_CIPHER* const found = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  return found;
}

}  // namespace

void seal_to(char* out, std::string_view key, std::string_view nonce, std::string_view bound, std::string_view text) {
  CHECK(key.size() == seal_key_bytes && nonce.size() == seal_nonce_bytes);
  const CipherContext context(EVP_CIPHER_CTX_new());
  auto* to = reinterpret_cast<unsigned char*>(out);
  int size = 0;
  CHECK(EVP_EncryptInit_ex(context.get(), sealing_method(), nullptr, sealing_bytes(key), sealing_bytes(nonce)) == 1);
  if (!bound.empty()) {
    CHECK(EVP_EncryptUpdate(context.get(), nullptr, &size, sealing_bytes(bound), static_cast<int>(bound.size())) == 1);
  }
  CHECK(EVP_EncryptUpdate(context.get(), to, &size, sealing_bytes(text), static_cast<int>(text.size())) == 1);
  int rest = 0;
  CHECK(EVP_EncryptFinal_ex(context.get(), to + size, &rest) == 1);
  CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, seal_tag_bytes, to + text.size()) == 1);
}

std::string seal(std::string_view key, std::string_view nonce, std::string_view bound, std::string_view text) {
  std::string out(text.size() + seal_tag_bytes, '\0');
  seal_to(out.data(), key, nonce, bound, text);
  return out;
}

Result<void> unseal_to(char* out, std::string_view key, std::string_view nonce, std::string_view bound,
                       std::string_view sealed) {
  CHECK(key.size() == seal_key_bytes && nonce.size() == seal_nonce_bytes);
  if (sealed.size() < seal_tag_bytes) return fail(Code::invalid, "is shorter than its tag");
  const std::string_view text = sealed.substr(0, sealed.size() - seal_tag_bytes);
  std::string tag(sealed.substr(text.size()));
  const CipherContext context(EVP_CIPHER_CTX_new());
  auto* to = reinterpret_cast<unsigned char*>(out);
  int size = 0;
  CHECK(EVP_DecryptInit_ex(context.get(), sealing_method(), nullptr, sealing_bytes(key), sealing_bytes(nonce)) == 1);
  if (!bound.empty()) {
    CHECK(EVP_DecryptUpdate(context.get(), nullptr, &size, sealing_bytes(bound), static_cast<int>(bound.size())) == 1);
  }
  CHECK(EVP_DecryptUpdate(context.get(), to, &size, sealing_bytes(text), static_cast<int>(text.size())) == 1);
  CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, seal_tag_bytes, tag.data()) == 1);
  int rest = 0;
  if (EVP_DecryptFinal_ex(context.get(), to + size, &rest) != 1) {
    return fail(Code::invalid, "is not what was sealed, or was sealed with another key");
  }
  return {};
}

Result<std::string> unseal(std::string_view key, std::string_view nonce, std::string_view bound,
                           std::string_view sealed) {
  if (sealed.size() < seal_tag_bytes) return fail(Code::invalid, "is shorter than its tag");
  std::string out(sealed.size() - seal_tag_bytes, '\0');
  TRY_DO(unseal_to(out.data(), key, nonce, bound, sealed));
  return out;
}

std::string seal_boxed(std::string_view key, std::string_view bound, std::string_view text) {
  const std::string nonce = random_bytes(seal_nonce_bytes);
  return nonce + seal(key, nonce, bound, text);
}

Result<std::string> unseal_boxed(std::string_view key, std::string_view bound, std::string_view box) {
  if (box.size() < seal_nonce_bytes) return fail(Code::invalid, "is shorter than its nonce");
  return unseal(key, box.substr(0, seal_nonce_bytes), bound, box.substr(seal_nonce_bytes));
}

}  // namespace barrio
