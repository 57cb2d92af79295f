// GET /log/..., POST /witness/add-checkpoint: the site's transparency log and its witness, for everybody. What they say
// is somebody else's (cli/site_log); here a request is read whole and its answer carried.

#include <algorithm>

#include "gateway/gateway_state.h"

namespace barrio::gateway {

namespace {

constexpr size_t most_log_requests = 64;  // at once
constexpr size_t most_log_body_bytes = 96 * 1024;

}  // namespace

void Gateway::State::log_request(net::Exchange& exchange) {
  const net::RequestHead& head = exchange.request();
  LogCall call{std::string(head.method), std::string(head.path), {}, {}};
  if (!config.log_call) return reply_problem(exchange, {404, "not_found", "this site has no log", "another site"});
  if (call.path == "/log/salt") {
    const api::Identity* identity = tenant_of(exchange);
    if (identity == nullptr) return;
    call.tenant = TenantId::of(identity->subject);
  }
  if (log_requests.size() >= most_log_requests) {
    return reply_problem(exchange, {503, "overloaded", "too many read this site's log now", "later"});
  }
  if (head.content_length.value_or(0) > most_log_body_bytes) {
    return reply_problem(exchange, {413, "body_too_long", "no request to a witness is that long", "96 KiB"});
  }
  log_requests.push_back({++last_asking, &exchange, std::move(call)});
}

void Gateway::State::log_body(net::Exchange& exchange, std::string_view piece) {
  const auto found = std::ranges::find(log_requests, &exchange, &LogRequest::exchange);
  if (found == log_requests.end()) return;
  if (found->call.body.size() + piece.size() > most_log_body_bytes) {
    log_requests.erase(found);
    return reply_problem(exchange, {413, "body_too_long", "no request to a witness is that long", "96 KiB"});
  }
  found->call.body += piece;
}

void Gateway::State::log_end(net::Exchange& exchange) {
  const auto found = std::ranges::find(log_requests, &exchange, &LogRequest::exchange);
  if (found == log_requests.end()) return;
  LogCall call = std::exchange(found->call, {});
  config.log_call(std::move(call), [weak = weak_from_this(), ticket = found->ticket](net::Response answer) {
    const auto state = weak.lock();
    if (!state) return;
    const auto asked = std::ranges::find(state->log_requests, ticket, &LogRequest::ticket);
    if (asked == state->log_requests.end()) return;  // the caller has left
    net::Exchange& open = *asked->exchange;
    state->log_requests.erase(asked);
    std::vector<net::Header> headers;
    for (const auto& [name, value] : answer.headers) headers.push_back({name, value});
    open.reply(answer.status, headers, answer.body);
  });
}

}  // namespace barrio::gateway
