#include "base/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numeric>

#include "base/id.h"
#include "base/quantity.h"
#include "base/time.h"

namespace barrio {

namespace {

template <class Items>
std::string join_any(const Items& items, std::string_view separator) {
  std::string out;
  bool first = true;
  for (const auto& item : items) {
    if (!first) out += separator;
    out += item;
    first = false;
  }
  return out;
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

struct Unit {
  std::string_view name;
  double factor;
};

/// "<number><optional space><unit>" to a whole count of the smallest unit.
Result<int64_t> parse_amount(std::string_view text, std::span<const Unit> units, std::string_view example) {
  const std::string shown(text);
  size_t digits = 0;
  while (digits < text.size() && ((text[digits] >= '0' && text[digits] <= '9') || text[digits] == '.')) ++digits;
  auto number = parse_double(text.substr(0, digits));
  auto unit_name = trim(text.substr(digits));
  for (const Unit& unit : units) {
    if (!number || unit.name != unit_name) continue;
    const double amount = *number * unit.factor;
    if (amount > 9.0e18) return fail(Code::invalid, "'" + shown + "' is too large");
    // Whole numbers stay exact: a double has 53 bits only.
    if (auto whole = parse_uint(text.substr(0, digits)))
      return static_cast<int64_t>(*whole) * static_cast<int64_t>(unit.factor);
    return std::llround(amount);
  }
  return fail(Code::invalid, "'" + shown + "' must be a number with a unit, like " + std::string(example));
}

std::string print_amount(int64_t count, std::span<const Unit> units) {
  for (const Unit& unit : units) {
    const auto factor = static_cast<int64_t>(unit.factor);
    if (count != 0 && count % factor == 0) return std::to_string(count / factor) + std::string(unit.name);
  }
  return std::to_string(count) + std::string(units.back().name);
}

constexpr std::array<Unit, 6> duration_units = {
    {{"h", 3.6e12}, {"m", 6e10}, {"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"ns", 1}}};
constexpr std::array<Unit, 8> byte_units = {{{"TiB", 1099511627776.0},
                                             {"GiB", 1073741824.0},
                                             {"MiB", 1048576.0},
                                             {"KiB", 1024.0},
                                             {"GB", 1e9},
                                             {"MB", 1e6},
                                             {"kB", 1e3},
                                             {"B", 1}}};
constexpr std::array<Unit, 3> watt_units = {{{"MW", 1e6}, {"kW", 1e3}, {"W", 1}}};
constexpr std::string_view base64url_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

}  // namespace

std::string join_text(std::span<const std::string_view> items, std::string_view separator) {
  return join_any(items, separator);
}
std::string join_text(std::span<const std::string> items, std::string_view separator) {
  return join_any(items, separator);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string_view trim(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

bool starts_with_small(std::string_view text, std::string_view prefix) {
  if (text.size() < prefix.size()) return false;
  uint64_t eight = 0;
  for (size_t at = 0; at < prefix.size(); at += sizeof(eight)) {
    const size_t size = std::min(sizeof(eight), prefix.size() - at);
    uint64_t wanted = eight = 0;
    text.copy(reinterpret_cast<char*>(&eight), size, at);
    prefix.copy(reinterpret_cast<char*>(&wanted), size, at);
    if (small_letters(eight) != wanted) return false;
  }
  return true;
}

std::string to_lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::optional<uint64_t> parse_uint(std::string_view text) {
  return parse_number<uint64_t>(text);
}
std::optional<double> parse_double(std::string_view text) {
  auto number = parse_number<double>(text);
  return number && std::isfinite(*number) ? number : std::nullopt;
}

std::optional<std::string_view> nearest(std::string_view word, std::span<const std::string_view> known) {
  std::optional<std::string_view> best;
  size_t best_distance = std::max<size_t>(1, word.size() / 3) + 1;
  for (std::string_view candidate : known) {
    std::vector<size_t> row(candidate.size() + 1);
    std::iota(row.begin(), row.end(), size_t{0});
    for (size_t i = 1; i <= word.size(); ++i) {
      size_t diagonal = row[0];
      row[0] = i;
      for (size_t j = 1; j <= candidate.size(); ++j) {
        const size_t changed = diagonal + (word[i - 1] == candidate[j - 1] ? 0 : 1);
        diagonal = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
      }
    }
    if (row.back() < best_distance) {
      best_distance = row.back();
      best = candidate;
    }
  }
  return best;
}

bool is_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const size_t more = lead < 0x80 ? 0 : (lead >> 5) == 6 ? 1 : (lead >> 4) == 14 ? 2 : (lead >> 3) == 30 ? 3 : 4;
    if (more == 4 || text.size() - i <= more) return false;
    uint32_t point = more == 0 ? lead : lead & (0x3fu >> more);
    for (size_t k = 1; k <= more; ++k) {
      const auto byte = static_cast<unsigned char>(text[i + k]);
      if ((byte & 0xc0) != 0x80) return false;
      point = (point << 6) | (byte & 0x3f);
    }
    constexpr uint32_t lowest[] = {0, 0x80, 0x800, 0x10000};
    if (point < lowest[more] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return false;
    i += more + 1;
  }
  return true;
}

void append_ms(std::string& out, Duration duration) {
  std::array<char, most_ms_text> text{};
  out.append(text.data(), static_cast<size_t>(write_ms(text.data(), duration) - text.data()));
}

char* write_ms(char* to, Duration duration) {
  const auto us = static_cast<uint64_t>(std::max<Duration::rep>(0, (duration.count() + 500) / 1000));
  const uint64_t whole = us / 1000;
  const auto part = static_cast<uint32_t>(us % 1000);
  if (whole < 10) {
    *to++ = static_cast<char>('0' + whole);  // most of what is told
  } else {
    to = std::to_chars(to, to + 20, whole).ptr;
  }
  *to++ = '.';
  *to++ = static_cast<char>('0' + part / 100);
  *to++ = static_cast<char>('0' + part / 10 % 10);
  *to++ = static_cast<char>('0' + part % 10);
  return to;
}

std::string to_hex(std::span<const unsigned char> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (unsigned char byte : bytes) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

std::string base64url(std::string_view bytes) {
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (char c : bytes) {
    bits = (bits << 8) | static_cast<unsigned char>(c);
    for (count += 8; count >= 6; count -= 6) out += base64url_alphabet[(bits >> (count - 6)) & 63];
  }
  if (count > 0) out += base64url_alphabet[(bits << (6 - count)) & 63];
  return out;
}

std::optional<std::string> from_base64url(std::string_view text) {
  if (text.size() % 4 == 1) return std::nullopt;
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    const size_t digit = base64url_alphabet.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = (bits << 6) | static_cast<uint32_t>(digit);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>((bits >> count) & 255);
    }
  }
  // Left-over bits must be zero, or two texts would mean the same bytes.
  if ((bits & ((1U << count) - 1)) != 0) return std::nullopt;
  return out;
}

Result<void> check_label(std::string_view text) {
  auto is_alnum = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  const bool good = !text.empty() && text.size() <= 63 && is_alnum(text.front()) && is_alnum(text.back()) &&
                    std::all_of(text.begin(), text.end(), [&](char c) { return is_alnum(c) || c == '-'; });
  if (good) return {};
  return fail(Code::invalid,
              "'" + std::string(text.substr(0, 80)) +
                  "' must be 1-63 characters a-z, 0-9 and '-', starting and ending with a letter or digit");
}

Result<Duration> parse_duration(std::string_view text) {
  TRY(int64_t count, parse_amount(text, duration_units, "250ms"));
  return Duration(count);
}
Result<Bytes> parse_bytes(std::string_view text) {
  TRY(int64_t count, parse_amount(text, byte_units, "512MiB"));
  return Bytes(count);
}
Result<Watts> parse_watts(std::string_view text) {
  TRY(int64_t count, parse_amount(text, watt_units, "75W"));
  return Watts(count);
}
std::string to_string(Duration duration) {
  return print_amount(duration.count(), duration_units);
}
std::string to_string(Bytes bytes) {
  return print_amount(bytes.count(), std::span(byte_units));
}
std::string to_string(Watts watts) {
  return print_amount(watts.count(), watt_units);
}

std::string to_string(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::array<char, 40> buffer{};
  const int length =
      std::snprintf(buffer.data(), buffer.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
                    static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                    static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                    static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
  return std::string(buffer.data(), static_cast<size_t>(length));
}

namespace {

/// The digits at the start of `text`, exactly `count` of them, which are removed.
std::optional<int> take_digits(std::string_view& text, size_t count) {
  if (text.size() < count) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(0, count)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool take(std::string_view& text, char wanted) {
  if (!text.starts_with(wanted)) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<WallTime> take_day(std::string_view& text) {
  const auto year = take_digits(text, 4);
  if (!year || !take(text, '-')) return std::nullopt;
  const auto month = take_digits(text, 2);
  if (!month || !take(text, '-')) return std::nullopt;
  const auto day = take_digits(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok()) return std::nullopt;
  return WallTime(std::chrono::sys_days(date));
}

/// What is finer than a millisecond is left out: clients that have microseconds (boto3) write six digits.
std::optional<std::chrono::milliseconds> take_clock(std::string_view& text) {
  const auto hours = take_digits(text, 2);
  if (!hours || *hours > 23 || !take(text, ':')) return std::nullopt;
  const auto minutes = take_digits(text, 2);
  if (!minutes || *minutes > 59 || !take(text, ':')) return std::nullopt;
  const auto seconds = take_digits(text, 2);
  if (!seconds || *seconds > 59) return std::nullopt;
  int milliseconds = 0;
  if (take(text, '.')) {
    const auto digits = take_digits(text, 3);
    if (!digits) return std::nullopt;
    milliseconds = *digits;
    for (int finer = 0; finer < 6 && take_digits(text, 1); ++finer) {
    }
  }
  return std::chrono::hours(*hours) + std::chrono::minutes(*minutes) + std::chrono::seconds(*seconds) +
         std::chrono::milliseconds(milliseconds);
}

}  // namespace

std::string harmless(std::string_view text, size_t most) {
  std::string clean(text.substr(0, most));
  for (char& c : clean) {
    if (c < ' ' || c > '~') c = '?';
  }
  return clean;
}

Result<WallTime> parse_wall_time(std::string_view text) {
  std::string_view rest = text;
  if (const auto day = take_day(rest)) {
    if (rest.empty()) return *day;
    const auto clock = take(rest, 'T') ? take_clock(rest) : std::nullopt;
    if (clock && rest == "Z") return *day + *clock;
  }
  return fail(Code::invalid,
              "'" + std::string(text.substr(0, 40)) + "' must be a time like 2026-11-24T10:00:00Z, or a day");
}

}  // namespace barrio
