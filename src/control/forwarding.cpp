#include "control/forwarding.h"

#include "control/http_answer.h"

namespace barrio::control {

namespace {

constexpr const char* forwarded = "Barrio-Forwarded";  // once: a request never goes round
constexpr Duration asked_for = 12s;                    // by one call to the leader
constexpr Duration write_patience = 8s;                // longer than it takes to replace a leader
constexpr Duration read_patience = 300ms;              // own state is good enough then
constexpr Duration between = 50ms;

bool is_sync(const net::Request& request) {
  return request.path().ends_with("/sync");
}

Duration patience_of(const net::Request& request) {
  if (is_sync(request)) return Duration::zero();  // its site sends a newer one soon
  return request.method == "GET" || request.method == "HEAD" ? read_patience : write_patience;
}

}  // namespace

bool Forwarding::repeatable(const net::Request& request) {
  const std::string_view path = request.path();
  if (request.method == "GET" || request.method == "HEAD" || request.method == "PUT" || request.method == "PATCH" ||
      is_sync(request))
    return true;
  if (net::find_header(request.headers, "Idempotency-Key")) return true;
  return path.ends_with("/activate") || path.ends_with("/drain") || path.ends_with("/retire") ||
         path.ends_with("/join") || path.ends_with("/approve");
}

std::optional<net::Response> Forwarding::answer(const net::Request& request) {
  if (net::find_header(request.headers, forwarded)) return std::nullopt;
  const Time latest = runtime_.now() + patience_of(request);
  while (!leadership_.leads()) {
    const auto leader = leadership_.leader();
    if (leader && leader->name != leadership_.self().name) {
      if (auto answered = ask(*leader, request)) return answered;
    }
    if (leadership_.leads()) break;
    if (runtime_.now() >= latest || runtime_.stopping()) {
      if (request.method == "GET" || request.method == "HEAD") break;
      return control::answer(api::problem(503, "no member of control leads just now; try again"));
    }
    runtime_.sleep_for(between);
  }
  return std::nullopt;
}

/// None: it was not done there, and may be asked for again.
std::optional<net::Response> Forwarding::ask(const Member& leader, const net::Request& request) {
  net::Request passed = request;
  // Of this connection, not of the message.
  std::erase_if(passed.headers, [](const auto& field) {
    switch (net::field_of(field.first)) {
      case net::Field::host:
      case net::Field::connection:
      case net::Field::keep_alive:
      case net::Field::content_length:
      case net::Field::transfer_encoding:
      case net::Field::te:
      case net::Field::trailer:
      case net::Field::upgrade:
      case net::Field::expect: return true;
      default: return false;
    }
  });
  std::erase_if(passed.headers, [](const auto& field) {
    return net::same_name(field.first, certificate) || net::same_name(field.first, certificate_key) ||
           net::same_name(field.first, member_token);
  });
  passed.headers.emplace_back(forwarded, "1");
  if (!request.peer_uri.empty() && !accounts_.keys().empty()) {
    passed.headers.emplace_back(certificate, request.peer_uri);
    passed.headers.emplace_back(certificate_key, request.peer_key);
    passed.headers.emplace_back(member_token, "Bearer " + accounts_.member_token());
  }
  auto answered = call_(leader.address, std::move(passed), runtime_.now() + asked_for);
  if (!answered) {
    if (!answered.error().sent || repeatable(request)) return std::nullopt;
    return control::answer(
        api::problem(503, "the leading member was lost on the way; whether this was done is not known"));
  }
  const bool undone =
      answered->status == 503 && net::find_header(answered->headers, not_leading) && repeatable(request);
  if (undone) return std::nullopt;
  std::erase_if(answered->headers, [](const auto& field) {
    const net::Field name = net::field_of(field.first);
    return name == net::Field::connection || name == net::Field::content_length || name == net::Field::date ||
           name == net::Field::transfer_encoding || name == net::Field::keep_alive;
  });
  return std::move(*answered);
}

}  // namespace barrio::control
