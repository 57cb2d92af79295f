#pragma once
// Small text tools shared by parsers and messages.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace barrio {

std::string join_text(std::span<const std::string_view> items, std::string_view separator);
std::string join_text(std::span<const std::string> items, std::string_view separator);
std::vector<std::string_view> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);
/// ASCII only.
std::string to_lower(std::string_view text);
/// Eight characters with A-Z, and nothing else, made small.
inline uint64_t small_letters(uint64_t eight) {
  constexpr uint64_t ones = 0x0101010101010101;
  const uint64_t low = eight & (ones * 0x7f);  // so that no addition below carries into the next character
  const uint64_t from_a = low + ones * (0x80 - 'A');
  const uint64_t beyond_z = low + ones * (0x7f - 'Z');
  const uint64_t upper = (from_a ^ beyond_z) & ~eight & (ones * 0x80);
  return eight | (upper >> 2);
}

/// Whether `text` begins with `prefix`, of small letters, when its own are made small.
bool starts_with_small(std::string_view text, std::string_view prefix);
/// The whole text as a decimal number; nullopt for anything else.
std::optional<uint64_t> parse_uint(std::string_view text);
std::optional<double> parse_double(std::string_view text);
/// The known word closest to `word` by edit distance, if close enough to be a likely slip.
std::optional<std::string_view> nearest(std::string_view word, std::span<const std::string_view> known);
/// Well-formed UTF-8 (RFC 3629): the only text that JSON can carry.
bool is_utf8(std::string_view text);
/// Text of a stranger, fit for a log and for JSON: at most `most` bytes, control characters and what is not ASCII
/// replaced by '?'.
std::string harmless(std::string_view text, size_t most);
/// Appends milliseconds with three decimals, "12.345"; nothing negative is shown.
void append_ms(std::string& out, Duration duration);
/// The same to `to`, which has room for most_ms_text; returns where it ends.
inline constexpr size_t most_ms_text = 24;
char* write_ms(char* to, Duration duration);
std::string to_hex(std::span<const unsigned char> bytes);
std::string base64url(std::string_view bytes);
std::optional<std::string> from_base64url(std::string_view text);

}  // namespace barrio
