#pragma once
// The hashes that storage protocols want, of data that comes in pieces; base/digest.h has SHA-256 as the log's trees
// use it. An object is used by one thread at a time.

#include <string>
#include <string_view>

#include "base/result.h"

struct evp_md_ctx_st;  // OpenSSL's EVP_MD_CTX

namespace barrio {

enum class HashKind { md5, sha1, sha256 };

class Hasher {
 public:
  explicit Hasher(HashKind kind);
  ~Hasher();
  Hasher(Hasher&& other) noexcept;
  Hasher& operator=(Hasher&& other) noexcept;
  void add(std::string_view data);
  /// The raw bytes. The object is done afterwards.
  std::string finish();

 private:
  evp_md_ctx_st* context_;
};

std::string hash_of(HashKind kind, std::string_view data);
std::string hex_of(std::string_view bytes);
/// Of either case. Errors: invalid.
Result<std::string> bytes_of_hex(std::string_view hex);

}  // namespace barrio
