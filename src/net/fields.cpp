#include "net/fields.h"

#include <algorithm>
#include <array>

#include "net/http1_parser.h"

namespace barrio::net {

namespace {

constexpr std::array<std::string_view, 8> connection_fields = {
    "connection", "content-length", "transfer-encoding", "keep-alive", "proxy-connection", "upgrade", "trailer", "te"};

constexpr std::array<std::string_view, 19> head_fields = {"host",
                                                          "authorization",
                                                          "www-authenticate",
                                                          "authentication-info",
                                                          "cookie",
                                                          "set-cookie",
                                                          "cache-control",
                                                          "expect",
                                                          "max-forwards",
                                                          "pragma",
                                                          "range",
                                                          "age",
                                                          "date",
                                                          "expires",
                                                          "vary",
                                                          "location",
                                                          "retry-after",
                                                          "warning",
                                                          "forwarded"};

constexpr std::array<std::string_view, 3> head_prefixes = {"content-", "proxy-", "if-"};

template <size_t N>
bool is_one_of(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::any_of(names.begin(), names.end(), [name](std::string_view one) { return same_name(one, name); });
}

}  // namespace

bool may_send(const Header& header) {
  return !is_one_of(connection_fields, header.name) && http1::is_token(header.name) &&
         http1::is_field_value(header.value);
}

bool may_be_trailer(std::string_view name) {
  if (is_one_of(connection_fields, name) || is_one_of(head_fields, name)) return false;
  return std::none_of(head_prefixes.begin(), head_prefixes.end(), [name](std::string_view prefix) {
    return name.size() >= prefix.size() && same_name(name.substr(0, prefix.size()), prefix);
  });
}

}  // namespace barrio::net
