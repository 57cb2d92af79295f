#include "gateway/deadlines.h"

#include <algorithm>

#include "base/text.h"

namespace barrio::gateway {

namespace {

constexpr Duration longest = 24h;  // beyond any deadline of ours

Result<Duration> parse_ms(std::string_view text) {
  const auto ms = parse_double(text);
  if (!ms || !(*ms >= 0) || text.size() > 20) {
    return fail(Code::invalid, "must be milliseconds as a decimal number, like 250");
  }
  return from_ms(std::min(*ms, to_ms(longest)));
}

}  // namespace

Result<std::optional<Duration>> asked_timeout(std::span<const net::Header> headers) {
  std::optional<Duration> asked;
  const std::string_view name = net::find_header(headers, timeout_header) ? timeout_header : deadline_header;
  for (const net::Header& header : headers) {
    const bool own = net::same_name(header.name, name);
    if (!own && header.field != net::Field::grpc_timeout) continue;
    auto timeout = own ? parse_ms(header.value) : api::parse_grpc_timeout(header.value);
    if (!timeout) return fail(std::move(timeout).error().within(std::string(own ? name : grpc_timeout_header)));
    asked = std::min(asked.value_or(longest), *timeout);
  }
  return asked;
}

bool is_grpc(std::span<const net::Header> headers) {
  const auto type = net::find_header(headers, net::Field::content_type);
  return type && api::is_grpc_type(*type);
}

}  // namespace barrio::gateway
