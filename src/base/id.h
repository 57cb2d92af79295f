#pragma once
// Names of things, one type each, so that a site's id cannot be passed where an app's is meant.

#include <compare>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace barrio {

/// 1-63 characters a-z 0-9 and '-', starting with a letter or digit and not ending in '-' (an RFC 1123 label).
Result<void> check_label(std::string_view text);

template <class Tag>
class Id {
 public:
  Id() = default;  // empty: "none"; parse never makes one
  /// Errors: invalid, with the rule in words.
  static Result<Id> parse(std::string_view text) {
    TRY_DO(check_label(text));
    return Id(std::string(text));
  }
  /// For text known to be a valid label: literals and tests.
  static Id of(std::string_view text) { return Id(std::string(text)); }
  const std::string& str() const { return text_; }
  bool empty() const { return text_.empty(); }
  auto operator<=>(const Id&) const = default;

 private:
  explicit Id(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace barrio

template <class Tag>
struct std::hash<barrio::Id<Tag>> {
  size_t operator()(const barrio::Id<Tag>& id) const { return std::hash<std::string>()(id.str()); }
};
