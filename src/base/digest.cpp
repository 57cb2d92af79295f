#include "base/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>

#include "base/check.h"

namespace barrio {

namespace {

constexpr size_t hmac_block_bytes = 64;

/// Looked up once: EVP_sha256() has the provider search for it at each use, which takes longer than to hash a line.
const EVP_MD* sha256_method() {
  static const EVP_MD* const found = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  CHECK(found != nullptr);
  return found;
}

}  // namespace

Digest sha256(std::string_view data) {
  Digest digest{};
  unsigned length = 0;
  CHECK(EVP_Digest(data.data(), data.size(), digest.data(), &length, sha256_method(), nullptr) == 1);
  return digest;
}

/// Not OpenSSL's, which looks up two methods and copies three contexts for each message.
Digest hmac_sha256(std::string_view key, std::string_view data) {
  std::array<char, hmac_block_bytes> pad{};
  if (key.size() > pad.size()) {
    std::ranges::copy(sha256(key), pad.begin());
  } else {
    std::ranges::copy(key, pad.begin());
  }
  Sha256 hash;
  for (char& c : pad) c = static_cast<char>(c ^ 0x36);
  hash.add({pad.data(), pad.size()});
  hash.add(data);
  const Digest inner = hash.finish();
  for (char& c : pad) c = static_cast<char>(c ^ 0x36 ^ 0x5c);
  hash.add({pad.data(), pad.size()});
  hash.add(text_of(inner));
  OPENSSL_cleanse(pad.data(), pad.size());
  return hash.finish();
}

Sha256::Sha256() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
  CHECK(context_ != nullptr && EVP_DigestInit_ex(context_.get(), sha256_method(), nullptr) == 1);
}

void Sha256::add(std::string_view piece) {
  CHECK(EVP_DigestUpdate(context_.get(), piece.data(), piece.size()) == 1);
}

Digest Sha256::finish() {
  Digest digest{};
  unsigned length = 0;
  CHECK(EVP_DigestFinal_ex(context_.get(), digest.data(), &length) == 1);
  CHECK(EVP_DigestInit_ex(context_.get(), sha256_method(), nullptr) == 1);
  return digest;
}

}  // namespace barrio
