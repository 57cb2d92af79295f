#include "base/hash.h"

#include <openssl/evp.h>

#include <array>
#include <utility>

#include "base/check.h"
#include "base/text.h"

namespace barrio {

namespace {

/// Looked up once: EVP_md5() and its like have the provider search at each use.
const EVP_MD* method_of(HashKind kind) {
  static const std::array<const EVP_MD*, 3> found = {EVP_MD_fetch(nullptr, "MD5", nullptr),
                                                     EVP_MD_fetch(nullptr, "SHA1", nullptr),
                                                     EVP_MD_fetch(nullptr, "SHA256", nullptr)};
  return found[static_cast<size_t>(kind)];
}

}  // namespace

Hasher::Hasher(HashKind kind) : context_(EVP_MD_CTX_new()) {
  CHECK(context_ != nullptr && EVP_DigestInit_ex(context_, method_of(kind), nullptr) == 1);
}

Hasher::~Hasher() {
  EVP_MD_CTX_free(context_);
}

Hasher::Hasher(Hasher&& other) noexcept : context_(std::exchange(other.context_, nullptr)) {}

Hasher& Hasher::operator=(Hasher&& other) noexcept {
  std::swap(context_, other.context_);
  return *this;
}

void Hasher::add(std::string_view data) {
  CHECK(EVP_DigestUpdate(context_, data.data(), data.size()) == 1);
}

std::string Hasher::finish() {
  std::string out(EVP_MAX_MD_SIZE, '\0');
  unsigned int size = 0;
  CHECK(EVP_DigestFinal_ex(context_, reinterpret_cast<unsigned char*>(out.data()), &size) == 1);
  out.resize(size);
  return out;
}

std::string hash_of(HashKind kind, std::string_view data) {
  Hasher hasher(kind);
  hasher.add(data);
  return hasher.finish();
}

std::string hex_of(std::string_view bytes) {
  return to_hex({reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()});
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

}  // namespace barrio
