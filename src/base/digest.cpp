#include "base/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/check.h"
#include "base/crypto.h"
#include "base/openssl_types.h"
#include "base/text.h"

namespace barrio {

namespace {

using CipherContext = OpensslPtr<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;

const unsigned char* raw(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* raw(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}

const EVP_MD* method_of(DigestKind kind) {
  switch (kind) {
    case DigestKind::md5: return EVP_md5();
    case DigestKind::sha1: return EVP_sha1();
    case DigestKind::sha256: return EVP_sha256();
  }
  return nullptr;
}

}  // namespace

Digest::Digest(DigestKind kind) : context_(EVP_MD_CTX_new()) {
  CHECK(context_ != nullptr && EVP_DigestInit_ex(context_, method_of(kind), nullptr) == 1);
}

Digest::~Digest() {
  EVP_MD_CTX_free(context_);
}

Digest::Digest(Digest&& other) noexcept : context_(std::exchange(other.context_, nullptr)) {}

Digest& Digest::operator=(Digest&& other) noexcept {
  std::swap(context_, other.context_);
  return *this;
}

void Digest::add(std::string_view data) {
  CHECK(EVP_DigestUpdate(context_, data.data(), data.size()) == 1);
}

std::string Digest::finish() {
  std::string out(EVP_MAX_MD_SIZE, '\0');
  unsigned int size = 0;
  CHECK(EVP_DigestFinal_ex(context_, raw(out), &size) == 1);
  out.resize(size);
  return out;
}

std::string digest_of(DigestKind kind, std::string_view data) {
  Digest digest(kind);
  digest.add(data);
  return digest.finish();
}

std::string hmac_sha256(std::string_view key, std::string_view data) {
  std::string out(32, '\0');
  unsigned int size = 0;
  CHECK(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), raw(data), data.size(), raw(out), &size) !=
        nullptr);
  CHECK(size == 32);
  return out;
}

std::string hex_of(std::string_view bytes) {
  return to_hex({raw(bytes), bytes.size()});
}

Result<std::string> bytes_of_hex(std::string_view hex) {
  const auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  if (hex.size() % 2 != 0) return fail(Code::invalid, "must be pairs of hexadecimal digits");
  std::string out;
  for (size_t i = 0; i < hex.size(); i += 2) {
    const int high = digit(hex[i]);
    const int low = digit(hex[i + 1]);
    if (high < 0 || low < 0) return fail(Code::invalid, "must be pairs of hexadecimal digits");
    out += static_cast<char>(high * 16 + low);
  }
  return out;
}

std::string base64(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(raw(out), raw(bytes), static_cast<int>(bytes.size()));
  out.resize(static_cast<size_t>(size));
  return out;
}

Result<std::string> from_base64(std::string_view text) {
  const auto bad = fail(Code::invalid, "must be base64 with padding (RFC 4648 section 4)");
  if (text.size() % 4 != 0 || text.find_first_of(" \t\r\n") != std::string_view::npos) return bad;
  size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  if (text.find('=') < text.size() - padding) return bad;
  std::string out(text.size() / 4 * 3 + 1, '\0');
  const int size = EVP_DecodeBlock(raw(out), raw(text), static_cast<int>(text.size()));
  if (size < 0) return bad;
  out.resize(static_cast<size_t>(size) - padding);
  return out;
}

std::string seal(std::string_view key, std::string_view nonce, std::string_view bound, std::string_view text) {
  CHECK(key.size() == seal_key_bytes && nonce.size() == seal_nonce_bytes);
  const CipherContext context(EVP_CIPHER_CTX_new());
  std::string out(text.size() + seal_tag_bytes, '\0');
  int size = 0;
  CHECK(EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, raw(key), raw(nonce)) == 1);
  if (!bound.empty()) {
    CHECK(EVP_EncryptUpdate(context.get(), nullptr, &size, raw(bound), static_cast<int>(bound.size())) == 1);
  }
  CHECK(EVP_EncryptUpdate(context.get(), raw(out), &size, raw(text), static_cast<int>(text.size())) == 1);
  int rest = 0;
  CHECK(EVP_EncryptFinal_ex(context.get(), raw(out) + size, &rest) == 1);
  CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, seal_tag_bytes, raw(out) + text.size()) == 1);
  return out;
}

Result<std::string> unseal(std::string_view key, std::string_view nonce, std::string_view bound,
                           std::string_view sealed) {
  CHECK(key.size() == seal_key_bytes && nonce.size() == seal_nonce_bytes);
  if (sealed.size() < seal_tag_bytes) return fail(Code::invalid, "is shorter than its tag");
  const std::string_view text = sealed.substr(0, sealed.size() - seal_tag_bytes);
  std::string tag(sealed.substr(text.size()));
  const CipherContext context(EVP_CIPHER_CTX_new());
  std::string out(text.size(), '\0');
  int size = 0;
  CHECK(EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, raw(key), raw(nonce)) == 1);
  if (!bound.empty()) {
    CHECK(EVP_DecryptUpdate(context.get(), nullptr, &size, raw(bound), static_cast<int>(bound.size())) == 1);
  }
  CHECK(EVP_DecryptUpdate(context.get(), raw(out), &size, raw(text), static_cast<int>(text.size())) == 1);
  CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, seal_tag_bytes, tag.data()) == 1);
  int rest = 0;
  if (EVP_DecryptFinal_ex(context.get(), raw(out) + size, &rest) != 1) {
    return fail(Code::invalid, "is not what was sealed, or was sealed with another key");
  }
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
