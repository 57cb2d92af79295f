#pragma once
// Verified tokens, so that a signature (83 us) is checked once per token and not once per request. Bounded: two
// generations of at most half the limit; the older one is dropped when the younger is full. Emptied when the keys
// change.

#include <string>
#include <string_view>
#include <unordered_map>

#include "api/oauth/token.h"

namespace barrio::gateway {

class TokenCache {
 public:
  static constexpr size_t most_tokens = 8192;

  void set_keys(const std::vector<VerifyingKey>& keys);
  /// Valid until the next call. Errors: denied with the reason.
  Result<const api::Identity*> verify(std::string_view token, WallTime now);

 private:
  struct Hash {
    using is_transparent = void;
    /// Of the signature's end, which is as good as random in every token that is kept.
    size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text.size() > 16 ? text.substr(text.size() - 16) : text);
    }
  };
  using Tokens = std::unordered_map<std::string, api::Identity, Hash, std::equal_to<>>;

  std::vector<VerifyingKey> keys_;
  Tokens young_;
  Tokens old_;
};

}  // namespace barrio::gateway
