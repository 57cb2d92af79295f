#include "gateway/deadlines.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/text.h"

namespace barrio::gateway {

namespace {

struct Unit {
  char letter;
  Duration length;
};
constexpr std::array<Unit, 6> finest_first = {{{'n', 1ns}, {'u', 1us}, {'m', 1ms}, {'S', 1s}, {'M', 1min}, {'H', 1h}}};
constexpr int64_t most_count = 99'999'999;
constexpr Duration longest = 24h;  // beyond any deadline of ours

Result<Duration> parse_ms(std::string_view text) {
  const auto ms = parse_double(text);
  if (!ms || !(*ms >= 0) || text.size() > 20) {
    return fail(Code::invalid, "must be milliseconds as a decimal number, like 250");
  }
  return from_ms(std::min(*ms, to_ms(longest)));
}

}  // namespace

Result<Duration> parse_grpc_timeout(std::string_view text) {
  const auto wrong = [] { return fail(Code::invalid, "must be 1 to 8 digits and one of H, M, S, m, u, n, like 250m"); };
  if (text.size() < 2 || text.size() > 9) return wrong();
  const auto unit = std::ranges::find(finest_first, text.back(), &Unit::letter);
  const std::string_view digits = text.substr(0, text.size() - 1);
  if (unit == finest_first.end() || digits.find_first_not_of("0123456789") != std::string_view::npos) return wrong();
  const auto count = parse_uint(digits);
  if (!count) return wrong();
  if (*count > static_cast<uint64_t>(longest / unit->length)) return longest;
  return unit->length * static_cast<int64_t>(*count);
}

std::string grpc_timeout(Duration left) {
  left = std::clamp(left, Duration::zero(), longest);
  const auto unit =
      std::ranges::find_if(finest_first, [&](const Unit& each) { return left / each.length <= most_count; });
  return std::to_string(left / unit->length) + unit->letter;
}

Result<std::optional<Duration>> asked_timeout(std::span<const net::Header> headers) {
  std::optional<Duration> asked;
  for (const net::Header& header : headers) {
    const bool own = net::same_name(header.name, timeout_header);
    if (!own && header.field != net::Field::grpc_timeout) continue;
    auto timeout = own ? parse_ms(header.value) : parse_grpc_timeout(header.value);
    if (!timeout)
      return fail(std::move(timeout).error().within(std::string(own ? timeout_header : grpc_timeout_header)));
    asked = std::min(asked.value_or(longest), *timeout);
  }
  return asked;
}

bool is_grpc(std::span<const net::Header> headers) {
  constexpr std::string_view type = "application/grpc";
  const auto value = net::find_header(headers, net::Field::content_type);
  return value && net::same_name(value->substr(0, type.size()), type);
}

}  // namespace barrio::gateway
