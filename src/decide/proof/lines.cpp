#include "decide/proof/lines.h"

#include "base/text.h"

namespace barrio::decide {

namespace {

constexpr size_t hash_digits = 64;
constexpr int64_t latest_ms = 253'402'300'799'999;  // the end of the year 9999

}  // namespace

tl::unexpected<Error> LineReader::bad(std::string_view field, const char* why) const {
  return fail(Code::invalid, why, std::string(what_) + (field.empty() ? "" : ": ") + std::string(field));
}

Result<std::string_view> LineReader::line() {
  const size_t end = rest_.find('\n');
  if (end == std::string_view::npos) return bad("", "ends too early");
  const std::string_view found = rest_.substr(0, end);
  rest_.remove_prefix(end + 1);
  return found;
}

Result<std::string_view> LineReader::value(std::string_view field) {
  TRY(const std::string_view found, line());
  if (!found.starts_with(field) || found.size() <= field.size() + 1 || found[field.size()] != ' ') {
    return bad(field, "does not come next");
  }
  return found.substr(field.size() + 1);
}

Result<int64_t> LineReader::number(std::string_view field) {
  TRY(const std::string_view text, value(field));
  const auto parsed = parse_uint(text);
  if (!parsed || *parsed > static_cast<uint64_t>(INT64_MAX) || std::to_string(*parsed) != text) {
    return bad(field, "is no whole number");
  }
  return static_cast<int64_t>(*parsed);
}

Result<WallTime> LineReader::time(std::string_view field) {
  TRY(const int64_t ms, number(field));
  if (ms > latest_ms) return bad(field, "is after the year 9999");
  return WallTime(std::chrono::milliseconds(ms));
}

Result<std::string> LineReader::hex(std::string_view field) {
  TRY(const std::string_view text, value(field));
  const bool is_hash = text.size() == hash_digits && text.find_first_not_of("0123456789abcdef") == text.npos;
  if (!is_hash) return bad(field, "is not 64 hex digits");
  return std::string(text);
}

bool LineReader::next_is(std::string_view text) {
  if (!rest_.starts_with(text)) return false;
  rest_.remove_prefix(text.size());
  return true;
}

}  // namespace barrio::decide
