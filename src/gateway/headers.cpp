#include "gateway/headers.h"

#include "base/text.h"
#include "gateway/callers.h"

namespace barrio::gateway {

namespace {

using net::Field;
using net::Header;
using net::same_name;

/// For this hop alone, or written anew for the next.
bool is_of_this_hop(Field field) {
  switch (field) {
    case Field::connection:
    case Field::content_length:
    case Field::expect:
    case Field::host:
    case Field::keep_alive:
    case Field::proxy_authenticate:
    case Field::proxy_authorization:
    case Field::proxy_connection:
    case Field::te:
    case Field::trailer:
    case Field::transfer_encoding:
    case Field::upgrade: return true;
    default: return false;
  }
}

bool is_barrio(const Header& header) {
  const std::string_view name = header.name;
  // Most others differ in the first letter.
  return header.field == Field::other && name.size() > 7 && (name[0] | 0x20) == 'b' &&
         starts_with_small(name, "barrio-");
}

/// Named in a Connection field: meant for the next hop only.
bool named_by_connection(std::span<const Header> headers, std::string_view name) {
  for (const Header& header : headers) {
    if (header.field != Field::connection) continue;
    std::string_view rest = header.value;
    while (!rest.empty()) {
      const size_t comma = rest.find(',');
      if (same_name(trim(rest.substr(0, comma)), name)) return true;
      rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    }
  }
  return false;
}

/// Of all fields of one message.
class Passing {
 public:
  explicit Passing(std::span<const Header> all)
      : all_(all), has_connection_(net::find_header(all, Field::connection).has_value()) {}
  bool operator()(const Header& header) const {
    return !is_of_this_hop(header.field) && !is_barrio(header) &&
           !(has_connection_ && named_by_connection(all_, header.name));
  }

 private:
  std::span<const Header> all_;
  bool has_connection_;
};

bool is_credential(const Header& header) {
  return header.field == Field::authorization || (header.field == Field::x_api_key && is_api_key(header.value));
}

}  // namespace

void pass_request_headers(std::span<const Header> from, bool to_gateway, std::vector<Header>& to) {
  const Passing passes(from);
  for (const Header& header : from) {
    if (!to_gateway && is_credential(header)) continue;
    // What is left of the deadline is said anew.
    if (header.field != Field::grpc_timeout && passes(header)) to.push_back(header);
  }
}

void pass_answer_headers(std::span<const Header> from, bool to_gateway, std::vector<Header>& to) {
  const Passing passes(from);
  for (const Header& header : from) {
    const bool own = header.field == Field::server_timing || header.field == Field::date;
    const bool load = to_gateway && same_name(header.name, "barrio-load");
    if (load || (!own && passes(header))) to.push_back(header);
  }
}

std::optional<Duration> timing_of(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string_view metric = trim(text.substr(0, comma));
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
    const size_t semicolon = metric.find(';');
    if (semicolon == std::string_view::npos || trim(metric.substr(0, semicolon)) != name) continue;
    const std::string_view parameter = trim(metric.substr(semicolon + 1));
    if (!parameter.starts_with("dur=")) return std::nullopt;
    const auto ms = parse_double(parameter.substr(4));
    if (!ms || !(*ms >= 0) || *ms > 1e9) return std::nullopt;
    return from_ms(*ms);
  }
  return std::nullopt;
}

Timings read_timings(std::span<const Header> headers) {
  Timings timings;
  if (const auto text = net::find_header(headers, Field::server_timing)) {
    timings.queue = timing_of(*text, "queue");
    timings.compute = timing_of(*text, "compute");
  }
  const auto load = net::find_header(headers, "Barrio-Load");
  if (load && load->starts_with("waiting=")) {
    const auto waiting = parse_double(load->substr(8));
    if (waiting && *waiting >= 0 && *waiting < 1e6) timings.waiting = waiting;
  }
  return timings;
}

}  // namespace barrio::gateway
