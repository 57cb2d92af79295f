#include "cli/http.h"

#include <optional>

#include "base/json.h"
#include "net/tls.h"
#include "net/url.h"

namespace barrio::cli {

Result<net::Response> Http::call(const net::Endpoint& server, net::Request request, Duration within) {
  std::optional<Result<net::Response>> answer;
  client_.fetch(server, std::move(request), reactor_.fresh_now() + within,
                [&](Result<net::Response> got) { answer.emplace(std::move(got)); });
  while (!answer) reactor_.turn(100ms);
  return std::move(*answer);
}

namespace {

constexpr size_t most_problem_bytes = 64 * 1024;

struct Following final : net::CallHandler {
  explicit Following(const std::function<void(std::string_view)>& told) : piece(told) {}
  void on_head(const net::ResponseHead& head) override {
    response.status = head.status;
    for (const net::Header& header : head.headers) response.headers.emplace_back(header.name, header.value);
  }
  void on_body(std::string_view text) override {
    if (response.status == 200) return piece(text);
    if (response.body.size() + text.size() <= most_problem_bytes) response.body += text;
  }
  void on_done() override { done = true; }
  void on_error(net::CallError error) override { failed = std::move(error.error); }
  void on_writable() override {}

  const std::function<void(std::string_view)>& piece;
  net::Response response;
  bool done = false;
  std::optional<Error> failed;
};

}  // namespace

Result<net::Response> Http::follow(const net::Endpoint& server, const net::Request& request, Time until,
                                   const std::function<void(std::string_view)>& piece) {
  Following following(piece);
  std::vector<net::Header> headers;
  for (const auto& [name, value] : request.headers) headers.push_back({name, value});
  net::Call& call = client_.start(
      server, {.method = request.method, .target = request.target, .headers = headers, .deadline = until}, following);
  while (!following.done && !following.failed && reactor_.fresh_now() < until) reactor_.turn(100ms);
  if (following.failed && following.failed->code != Code::timed_out) return fail(std::move(*following.failed));
  if (!following.done && !following.failed) call.cancel();
  return std::move(following.response);
}

Result<net::Endpoint> parse_url(const std::string& url, const std::string& ca) {
  std::shared_ptr<net::TlsClient> tls;
  if (!ca.empty()) {
    TRY(tls, net::TlsClient::load({.ca = ca}));
  }
  auto server = net::parse_server(url, tls);
  if (!server) return fail(Code::invalid, server.error().what, "control");
  return server;
}

namespace {

Code code_for(int status) {
  switch (status) {
    case 401:
    case 403: return Code::denied;
    case 404: return Code::not_found;
    case 409:
    case 421:
    case 422: return Code::conflict;
    case 507: return Code::exhausted;
    case 408:
    case 504: return Code::timed_out;
    case 500:
    case 501: return Code::unsupported;
    case 429:
    case 502:
    case 503: return Code::unavailable;
    default: return Code::invalid;
  }
}

std::string text_of(const JsonObject& object, std::string_view key) {
  const Json* found = object.if_contains(key);
  return found != nullptr && found->is_string() ? std::string(found->get_string()) : std::string();
}

}  // namespace

Error problem(const net::Response& response) {
  Error error{code_for(response.status), "HTTP " + std::to_string(response.status), {}};
  auto body = parse_json(response.body);
  if (!body || !body->is_object()) return error;
  const JsonObject& object = body->get_object();
  const std::string reason = text_of(object, "reason");
  if (response.status == 503 && (reason == "policy" || reason == "objective")) error.code = Code::conflict;
  for (const char* key : {"detail", "error_description", "error", "title"}) {
    if (auto text = text_of(object, key); !text.empty()) {
      error.what = text;
      break;
    }
  }
  if (auto nearest = text_of(object, "nearest"); !nearest.empty()) error.what += "; nearest: " + nearest;
  error.where = text_of(object, "where");
  return error;
}

}  // namespace barrio::cli
