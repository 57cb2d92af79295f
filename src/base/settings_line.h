#pragma once
// "key=value,key=value" in one line: how a model that is no file says what it is (LoadSpec::builtin). Each key is taken
// by who knows it; what nobody took is a slip, and named.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace barrio {

class SettingsLine {
 public:
  /// A value is all up to the next comma. Errors: invalid (an item without '=', an empty key, a key twice).
  static Result<SettingsLine> parse(std::string_view text);

  /// Leave `into` as it is where the key is not set. Errors: invalid, with the key in `where`.
  Result<void> take(std::string_view key, std::string& into);
  Result<void> take(std::string_view key, Duration& into);
  Result<void> take(std::string_view key, uint64_t& into);
  Result<void> take(std::string_view key, double& into);

  /// Errors: invalid, naming a key that nobody asked for and the one it may stand for.
  Result<void> finish() const;

 private:
  std::optional<std::string> find(std::string_view key);

  std::map<std::string, std::string, std::less<>> values_;  // not taken yet
  std::vector<std::string> known_;
};

}  // namespace barrio
