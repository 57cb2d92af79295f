#pragma once
// The API keys of the snapshot. Looked up by their id, then compared as SHA-256 in constant time; what was verified
// once is kept, so that the next request of the same key costs a comparison and no hash. Emptied with each snapshot.

#include <string>
#include <string_view>
#include <unordered_map>

#include "api/oauth/token.h"

namespace barrio::gateway {

class ApiKeys {
 public:
  void set_keys(const std::vector<ApiKey>& keys);
  /// Valid until the next set_keys. Errors: denied with the reason.
  Result<const api::Identity*> verify(std::string_view key, WallTime now);

 private:
  struct Entry {
    std::string sha256;
    std::string verified;  // the key itself, once it was seen
    api::Identity identity;
  };
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  std::unordered_map<std::string, Entry, Hash, std::equal_to<>> by_id_;
};

}  // namespace barrio::gateway
