#include "net/fields.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "net/http1_parser.h"

namespace barrio::net {

namespace {

struct Known {
  std::string_view name;
  Field field;
};

/// By length, so that only names of equal length are compared.
constexpr std::array<Known, 41> known_fields = {{
    {"te", Field::te},
    {"age", Field::age},
    {"date", Field::date},
    {"host", Field::host},
    {"vary", Field::vary},
    {"range", Field::range},
    {"cookie", Field::cookie},
    {"expect", Field::expect},
    {"pragma", Field::pragma},
    {"expires", Field::expires},
    {"trailer", Field::trailer},
    {"upgrade", Field::upgrade},
    {"warning", Field::warning},
    {"location", Field::location},
    {"forwarded", Field::forwarded},
    {"x-api-key", Field::x_api_key},
    {"x-real-ip", Field::x_real_ip},
    {"connection", Field::connection},
    {"keep-alive", Field::keep_alive},
    {"set-cookie", Field::set_cookie},
    {"tracestate", Field::tracestate},
    {"retry-after", Field::retry_after},
    {"traceparent", Field::traceparent},
    {"content-type", Field::content_type},
    {"grpc-timeout", Field::grpc_timeout},
    {"max-forwards", Field::max_forwards},
    {"authorization", Field::authorization},
    {"cache-control", Field::cache_control},
    {"server-timing", Field::server_timing},
    {"content-length", Field::content_length},
    {"x-forwarded-for", Field::x_forwarded_for},
    {"proxy-connection", Field::proxy_connection},
    {"www-authenticate", Field::www_authenticate},
    {"x-forwarded-host", Field::x_forwarded_host},
    {"x-forwarded-port", Field::x_forwarded_port},
    {"transfer-encoding", Field::transfer_encoding},
    {"x-forwarded-proto", Field::x_forwarded_proto},
    {"proxy-authenticate", Field::proxy_authenticate},
    {"x-forwarded-prefix", Field::x_forwarded_prefix},
    {"authentication-info", Field::authentication_info},
    {"proxy-authorization", Field::proxy_authorization},
}};
constexpr size_t longest = known_fields.back().name.size();

/// Where the names of each length begin.
constexpr std::array<uint8_t, longest + 2> begins = [] {
  std::array<uint8_t, longest + 2> first{};
  for (size_t length = 0; length < first.size(); ++length) {
    while (first[length] < known_fields.size() && known_fields[first[length]].name.size() < length) ++first[length];
  }
  return first;
}();
static_assert(std::ranges::is_sorted(known_fields, {}, [](const Known& one) { return one.name.size(); }));

/// The first eight letters of a name of at least two, small, or all of a shorter one.
uint64_t key_of(std::string_view name) {
  uint64_t key = 0;
  if (name.size() >= sizeof(key)) {
    std::memcpy(&key, name.data(), sizeof(key));
  } else if (name.size() >= 4) {
    uint32_t first = 0;
    uint32_t last = 0;
    std::memcpy(&first, name.data(), sizeof(first));
    std::memcpy(&last, name.data() + name.size() - sizeof(last), sizeof(last));
    key = first | uint64_t{last} << (8 * (name.size() - sizeof(last)));
  } else {
    for (size_t i = name.size(); i > 0; --i) key = key << 8 | static_cast<unsigned char>(name[i - 1]);
  }
  return small_letters(key);
}

constexpr std::array<uint64_t, known_fields.size()> known_keys = [] {
  std::array<uint64_t, known_fields.size()> made{};
  for (size_t i = 0; i < known_fields.size(); ++i) {
    for (size_t at = std::min(known_fields[i].name.size(), sizeof(uint64_t)); at > 0; --at) {
      made[i] = made[i] << 8 | static_cast<unsigned char>(known_fields[i].name[at - 1]);
    }
  }
  return made;
}();

/// About the connection or the framing.
bool is_of_connection(Field field) {
  switch (field) {
    case Field::connection:
    case Field::content_length:
    case Field::keep_alive:
    case Field::proxy_connection:
    case Field::te:
    case Field::trailer:
    case Field::transfer_encoding:
    case Field::upgrade: return true;
    default: return false;
  }
}

/// Needed before the body, or of routing and authentication.
bool is_of_head(Field field) {
  switch (field) {
    case Field::age:
    case Field::authentication_info:
    case Field::authorization:
    case Field::cache_control:
    case Field::cookie:
    case Field::date:
    case Field::expect:
    case Field::expires:
    case Field::forwarded:
    case Field::host:
    case Field::location:
    case Field::max_forwards:
    case Field::pragma:
    case Field::range:
    case Field::retry_after:
    case Field::set_cookie:
    case Field::vary:
    case Field::warning:
    case Field::www_authenticate: return true;
    default: return false;
  }
}

constexpr std::array<std::string_view, 3> head_prefixes = {"content-", "proxy-", "if-"};

}  // namespace

Field field_of(std::string_view name) {
  if (name.size() > longest) return Field::other;
  const size_t end = begins[name.size() + 1];
  size_t i = begins[name.size()];
  if (i == end) return Field::other;
  for (const uint64_t key = key_of(name); i < end; ++i) {
    if (key != known_keys[i]) continue;
    const bool same =
        name.size() <= sizeof(key) || same_letters(name.substr(sizeof(key)), known_fields[i].name.substr(sizeof(key)));
    if (same) return known_fields[i].field;
  }
  return Field::other;
}

bool may_send(const Header& header) {
  if (is_of_connection(header.field)) return false;
  // A name that is known is a token.
  return header.checked ||
         ((header.field != Field::other || http1::is_token(header.name)) && http1::is_field_value(header.value));
}

bool may_be_trailer(std::string_view name) {
  const Field field = field_of(name);
  if (is_of_connection(field) || is_of_head(field)) return false;
  return std::none_of(head_prefixes.begin(), head_prefixes.end(), [name](std::string_view prefix) {
    return name.size() >= prefix.size() && same_name(name.substr(0, prefix.size()), prefix);
  });
}

}  // namespace barrio::net
