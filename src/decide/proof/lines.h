#pragma once
// Reads texts like a leaf: lines of a name and a value, in one order only. Private to decide/proof.

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace barrio::decide {

class LineReader {
 public:
  /// `what` shows in errors.
  LineReader(std::string_view text, const char* what) : rest_(text), what_(what) {}

  Result<std::string_view> line();
  /// Of the next line, which must be of this name.
  Result<std::string_view> value(std::string_view field);
  /// Decimal, without sign and zeros in front.
  Result<int64_t> number(std::string_view field);
  /// Milliseconds since 1970.
  Result<WallTime> time(std::string_view field);
  /// 64 lower-case hex digits.
  Result<std::string> hex(std::string_view field);
  /// Skips this, if it comes next.
  bool next_is(std::string_view text);
  bool at_end() const { return rest_.empty(); }

 private:
  tl::unexpected<Error> bad(std::string_view field, const char* why) const;

  std::string_view rest_;
  const char* what_;
};

}  // namespace barrio::decide
