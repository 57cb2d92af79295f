#pragma once
// HTTP messages, independent of version and transport. Heads are views into a buffer owned by whoever handed them out,
// valid as long as that exchange or call lives.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace barrio::net {

/// Field names that somebody on the request path looks for. Recognised once, where a Header is made; afterwards looking
/// for one compares a byte. fields.cpp has their text.
enum class Field : uint8_t {
  other,
  age,
  authentication_info,
  authorization,
  cache_control,
  connection,
  content_length,
  content_type,
  cookie,
  date,
  expect,
  expires,
  forwarded,
  grpc_timeout,
  host,
  keep_alive,
  location,
  max_forwards,
  pragma,
  proxy_authenticate,
  proxy_authorization,
  proxy_connection,
  range,
  retry_after,
  server_timing,
  set_cookie,
  te,
  traceparent,
  tracestate,
  trailer,
  transfer_encoding,
  upgrade,
  vary,
  warning,
  www_authenticate,
  x_api_key,
  x_forwarded_for,
  x_forwarded_host,
  x_forwarded_port,
  x_forwarded_prefix,
  x_forwarded_proto,
  x_real_ip,
};
/// Whatever the case of the letters.
Field field_of(std::string_view name);

struct Header {
  Header(std::string_view the_name, std::string_view the_value)
      : name(the_name), value(the_value), field(field_of(the_name)) {}
  Header(Field known, std::string_view the_name, std::string_view the_value)
      : name(the_name), value(the_value), field(known) {}

  std::string_view name;
  std::string_view value;
  Field field;  // of name
  /// The value is of this message alone: HTTP/2's compression does not remember it, which would push out what recurs,
  /// but for one now and then, for the sake of the name.
  bool fleeting = false;
  /// The name is a token and the value has no control character: they were read from a message, which was checked then.
  bool checked = false;
};
/// The same field, said to be fleeting.
inline Header fleeting(Header header) {
  header.fleeting = true;
  return header;
}
/// The same field, known to be fit to be sent.
inline Header checked(Header header) {
  header.checked = true;
  return header;
}

bool same_letters(std::string_view a, std::string_view b);  // of equal length
/// Case-insensitive comparison of ASCII field names. Most differ in length already.
inline bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && same_letters(a, b);
}
/// The first field with this name.
std::optional<std::string_view> find_header(std::span<const Header> headers, std::string_view name);
std::optional<std::string_view> find_header(std::span<const Header> headers, Field field);

struct RequestHead {
  std::string_view method;
  std::string_view target;  // as sent: origin-form
  std::string_view path;    // target up to '?'
  std::string_view query;   // after '?'
  int major_version = 1;    // 2: HTTP/2, with :authority as the first header, Host
  int minor_version = 1;
  std::span<const Header> headers;
  std::optional<uint64_t> content_length;  // none: chunked or no body
  bool has_body = false;
  std::string_view upgrade = {};  // the protocol that the client asks to switch to ("websocket"); empty: none
  bool takes_trailers = false;    // the client says that it reads trailer fields (TE: trailers)
};

struct ResponseHead {
  int status = 0;
  int major_version = 1;
  int minor_version = 1;
  std::span<const Header> headers;
  std::optional<uint64_t> content_length;  // none: chunked or until close
  bool has_body = false;
};

const char* reason_phrase(int status);
/// What a server answers by itself to what it cannot take, of this type (RFC 9457).
inline constexpr std::string_view problem_type = "application/problem+json";
std::string problem_text(int status, std::string_view detail);
/// Percent-decoding; nullopt for a bad escape.
std::optional<std::string> percent_decode(std::string_view text);
/// Everything but the unreserved characters of RFC 3986 section 2.3 becomes %XX.
std::string percent_encode(std::string_view text);
/// The value of one query parameter, decoded.
std::optional<std::string> query_value(std::string_view query, std::string_view key);

/// Owned messages, for control, engine and tools, where a copy does not matter.
using OwnedHeaders = std::vector<std::pair<std::string, std::string>>;
std::optional<std::string_view> find_header(const OwnedHeaders& headers, std::string_view name);

struct Request {
  std::string method = "GET";
  std::string target = "/";
  OwnedHeaders headers = {};
  std::string body = {};
  std::string peer_ip = {};   // on the server side: the device's address
  std::string peer_uri = {};  // and the first URI in its verified certificate (TlsInfo::peer); empty: none
  std::string peer_key = {};  // and that certificate's key (TlsInfo::peer_key)
  std::string_view path() const { return std::string_view(target).substr(0, target.find('?')); }
  std::string_view query() const {
    const size_t mark = target.find('?');
    return mark == std::string::npos ? std::string_view() : std::string_view(target).substr(mark + 1);
  }
};

struct Response {
  int status = 200;
  OwnedHeaders headers = {};
  std::string body = {};
};

}  // namespace barrio::net
