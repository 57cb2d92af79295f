#include "api/grpc/status.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/text.h"

namespace barrio::api {

namespace {

struct Unit {
  char letter;
  Duration length;
};
constexpr std::array<Unit, 6> finest_first = {{{'n', 1ns}, {'u', 1us}, {'m', 1ms}, {'S', 1s}, {'M', 1min}, {'H', 1h}}};
constexpr int64_t most_count = 99'999'999;
constexpr Duration longest = 24h;  // beyond any deadline of ours

}  // namespace

GrpcStatus grpc_status_of(Code code) {
  switch (code) {
    case Code::not_found: return GrpcStatus::not_found;
    case Code::conflict: return GrpcStatus::failed_precondition;
    case Code::invalid: return GrpcStatus::invalid_argument;
    case Code::denied: return GrpcStatus::permission_denied;
    case Code::exhausted: return GrpcStatus::resource_exhausted;
    case Code::unavailable: return GrpcStatus::unavailable;
    case Code::timed_out: return GrpcStatus::deadline_exceeded;
    case Code::cancelled: return GrpcStatus::cancelled;
    case Code::unsupported: return GrpcStatus::unimplemented;
  }
  return GrpcStatus::unknown;
}

GrpcStatus grpc_status_of_http(int status) {
  switch (status) {
    case 400: return GrpcStatus::invalid_argument;
    case 401: return GrpcStatus::unauthenticated;
    case 403: return GrpcStatus::permission_denied;
    case 404:
    case 405: return GrpcStatus::unimplemented;
    case 413:
    case 429: return GrpcStatus::resource_exhausted;
    case 421: return GrpcStatus::failed_precondition;
    case 503: return GrpcStatus::unavailable;
    case 504: return GrpcStatus::deadline_exceeded;
    default: return GrpcStatus::unknown;
  }
}

std::string_view grpc_status_text(GrpcStatus status) {
  constexpr std::array<std::string_view, 17> texts = {"0", "1",  "2",  "3",  "4",  "5",  "6",  "7", "8",
                                                      "9", "10", "11", "12", "13", "14", "15", "16"};
  return texts.at(static_cast<size_t>(status));
}

std::string grpc_message(std::string_view text) {
  std::string encoded;
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    // A field's value neither begins nor ends with a space: HTTP/2 would drop all of it.
    const bool edge = at == 0 || at + 1 == text.size();
    if (c >= (edge ? '!' : ' ') && c <= '~' && c != '%') {
      encoded += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    encoded += {'%', "0123456789ABCDEF"[byte >> 4], "0123456789ABCDEF"[byte & 15]};
  }
  return encoded;
}

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

bool is_grpc_type(std::string_view content_type) {
  return starts_with_small(content_type, "application/grpc");
}

}  // namespace barrio::api
