#include "gateway/token_cache.h"

#include <algorithm>

namespace barrio::gateway {

void TokenCache::set_keys(const std::vector<VerifyingKey>& keys) {
  const bool same = std::ranges::equal(keys, keys_, [](const VerifyingKey& a, const VerifyingKey& b) {
    return a.kid == b.kid && a.x == b.x && a.y == b.y;
  });
  if (same) return;
  keys_ = keys;
  young_.clear();
  old_.clear();
}

Result<const api::Identity*> TokenCache::verify(std::string_view token, WallTime now) {
  for (const Tokens* tokens : {&young_, &old_}) {
    const auto found = tokens->find(token);
    // An expired one is verified again, which says when it expired.
    if (found != tokens->end() && now < found->second.expires) return &found->second;
  }
  TRY(api::Identity identity, api::verify_token(token, keys_, now));
  if (young_.size() >= most_tokens / 2) {
    old_ = std::move(young_);
    young_.clear();
  }
  return &(young_[std::string(token)] = std::move(identity));
}

}  // namespace barrio::gateway
