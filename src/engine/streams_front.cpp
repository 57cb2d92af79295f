#include "engine/streams_front.h"

#include <algorithm>

#include "api/oip/message.h"
#include "base/text.h"

namespace barrio::engine {

using net::Exchange;
using net::Header;

struct StreamsFront::Call {
  std::string body;
  bool too_long = false;
  uint64_t listener = 0;
  net::TimerId timer = 0;
  bool full = false;  // of events: what comes now is left out
};

namespace {

constexpr std::string_view streams_path = "/v2/streams";
constexpr std::string_view event_stream = "text/event-stream";
constexpr size_t most_body = 16 * 1024 * 1024;  // a frame
constexpr Duration wait_default = 10s;
constexpr uint64_t wait_most_ms = 60'000;
constexpr Duration keep_alive_period = 15s;
/// Whoever waits here for results takes no device time: frames have theirs of their own.
const Header no_run{"Server-Timing", "compute;dur=0"};

int status_of_error(Code code) {
  switch (code) {
    case Code::invalid: return 400;
    case Code::denied: return 403;
    case Code::not_found: return 404;
    case Code::exhausted: return 429;
    case Code::unsupported: return 501;
    default: return 503;
  }
}

void reply_json(Exchange& exchange, int status, const std::string& body) {
  const Header headers[] = {{"Content-Type", "application/json"}, no_run};
  exchange.reply(status, headers, body);
}

void reply_error(Exchange& exchange, const Error& error) {
  reply_json(exchange, status_of_error(error.code), api::print_error(error.text()));
}

void reply_not_allowed(Exchange& exchange, std::string_view allowed) {
  const Header headers[] = {{"Content-Type", "application/json"}, {"Allow", allowed}};
  exchange.reply(405, headers, api::print_error("this path takes " + std::string(allowed)));
}

void reply_results(Exchange& exchange, const std::vector<std::string>& results) {
  reply_json(exchange, 200, "{\"results\":[" + join_text(results, ",") + "]}");
}

std::string event(int64_t number, const std::string& json) {
  return "id: " + std::to_string(number) + "\ndata: " + json + "\n\n";
}

Result<uint64_t> number_in(std::string_view query, std::string_view name, uint64_t otherwise) {
  const auto text = net::query_value(query, name);
  if (!text) return otherwise;
  const auto number = parse_uint(*text);
  if (!number) return fail(Code::invalid, "'" + text->substr(0, 80) + "' is not a number", std::string(name));
  return std::min<uint64_t>(*number, INT64_MAX);
}

bool wants_events(const net::RequestHead& head) {
  const auto accept = net::find_header(head.headers, "Accept");
  return accept && accept->find(event_stream) != std::string_view::npos;
}

}  // namespace

bool StreamsFront::takes(const net::RequestHead& head) const {
  return head.path == streams_path || head.path.starts_with("/v2/streams/");
}

void StreamsFront::on_head(Exchange& exchange) {
  exchange.context = new Call;
}

void StreamsFront::on_body(Exchange& exchange, std::string_view piece) {
  Call& call = *static_cast<Call*>(exchange.context);
  if (call.too_long) return;
  call.too_long = piece.size() > most_body - call.body.size();
  if (!call.too_long) {
    call.body += piece;
    return;
  }
  call.body = {};
  reply_json(exchange, 413, api::print_error("the body is longer than " + std::to_string(most_body) + " bytes"));
}

void StreamsFront::on_end(Exchange& exchange) {
  const net::RequestHead& head = exchange.request();
  Call& call = *static_cast<Call*>(exchange.context);
  if (call.too_long) return;
  std::string_view rest = head.path.substr(streams_path.size());
  if (rest.empty() || rest == "/") {
    if (head.method == "POST") return start(exchange, call.body);
    if (head.method != "GET") return reply_not_allowed(exchange, "GET, POST");
    JsonArray all;
    for (const StreamStatus& status : streams_.list()) all.push_back(to_json(status));
    return reply_json(exchange, 200, print_json(JsonObject{{"streams", std::move(all)}}));
  }
  rest.remove_prefix(1);
  const size_t slash = rest.find('/');
  const std::string id(rest.substr(0, slash));
  const std::string_view what = slash == std::string_view::npos ? std::string_view() : rest.substr(slash);
  if (what.empty()) return one_stream(exchange, id);
  if (what == "/results") {
    if (head.method != "GET") return reply_not_allowed(exchange, "GET");
    return results(exchange, id);
  }
  if (what != "/frames") return reply_error(exchange, {Code::not_found, "no such path: " + std::string(head.path)});
  if (head.method != "POST") return reply_not_allowed(exchange, "POST");
  const auto number = streams_.push(id, std::move(call.body));
  if (!number) return reply_error(exchange, number.error());
  reply_json(exchange, 202, "{\"frame\":" + std::to_string(*number) + "}");
}

void StreamsFront::start(Exchange& exchange, const std::string& body) {
  const auto json = parse_json(body.empty() ? "{}" : body);
  if (!json) return reply_error(exchange, json.error());
  const auto wanted = from_json<StreamStart>(*json);
  if (!wanted) return reply_error(exchange, wanted.error());
  const auto status = streams_.start(*wanted);
  if (!status) return reply_error(exchange, status.error());
  const std::string location = std::string(streams_path) + "/" + status->id;
  const Header headers[] = {{"Content-Type", "application/json"}, {"Location", location}, no_run};
  exchange.reply(201, headers, print_json(to_json(*status)));
}

void StreamsFront::one_stream(Exchange& exchange, const std::string& id) {
  const std::string_view method = exchange.request().method;
  if (method == "DELETE") {
    const auto stopped = streams_.stop(id);
    if (!stopped) return reply_error(exchange, stopped.error());
    return exchange.reply(204, {}, {});
  }
  if (method != "GET") return reply_not_allowed(exchange, "GET, DELETE");
  const auto status = streams_.status(id);
  if (!status) return reply_error(exchange, status.error());
  reply_json(exchange, 200, print_json(to_json(*status)));
}

void StreamsFront::results(Exchange& exchange, const std::string& id) {
  const net::RequestHead& head = exchange.request();
  const bool events = wants_events(head);
  auto after = number_in(head.query, "after", 0);
  if (!after) return reply_error(exchange, after.error());
  const auto last_seen = net::find_header(head.headers, "Last-Event-ID");
  if (events && last_seen) after = parse_uint(*last_seen).value_or(0);
  const auto wait_ms = number_in(head.query, "wait_ms", static_cast<uint64_t>(to_ms(wait_default)));
  if (!wait_ms) return reply_error(exchange, wait_ms.error());
  const auto from = static_cast<int64_t>(std::min<uint64_t>(*after, INT64_MAX));
  if (events) return send_events(exchange, id, from);
  const auto there = streams_.results(id, from);
  if (!there) return reply_error(exchange, there.error());
  if (!there->empty() || *wait_ms == 0) return reply_results(exchange, *there);
  wait_for_results(exchange, id, from, std::chrono::milliseconds(std::min(*wait_ms, wait_most_ms)));
}

void StreamsFront::wait_for_results(Exchange& exchange, const std::string& id, int64_t after, Duration most) {
  Call& call = *static_cast<Call*>(exchange.context);
  const auto listener = streams_.listen(id, [this, &exchange, &call, after](int64_t number, const std::string& json) {
    if (!json.empty() && number <= after) return;
    stop_waiting(call);
    if (json.empty()) return reply_error(exchange, {Code::not_found, "the stream was ended"});
    reply_results(exchange, {json});
  });
  if (!listener) return reply_error(exchange, listener.error());
  call.listener = *listener;
  call.timer = reactor_.call_after(most, [this, &exchange, &call] {
    stop_waiting(call);
    reply_results(exchange, {});
  });
}

/// Before the answer ends, so that nothing comes after it.
void StreamsFront::stop_waiting(Call& call) {
  reactor_.cancel(std::exchange(call.timer, 0));
  streams_.stop_listening(std::exchange(call.listener, 0));
}

void StreamsFront::send_events(Exchange& exchange, const std::string& id, int64_t after) {
  Call& call = *static_cast<Call*>(exchange.context);
  const auto there = streams_.results(id, after);
  if (!there) return reply_error(exchange, there.error());
  const auto listener = streams_.listen(id, [this, &exchange, &call](int64_t number, const std::string& json) {
    if (json.empty()) {
      stop_waiting(call);
      return exchange.end();
    }
    if (!call.full) call.full = !exchange.write(event(number, json));
  });
  if (!listener) return reply_error(exchange, listener.error());
  call.listener = *listener;
  const Header headers[] = {{"Content-Type", event_stream}, {"Cache-Control", "no-store"}, no_run};
  exchange.begin(200, headers, std::nullopt);
  const auto last = streams_.status(id);
  int64_t number = last ? last->last_result - static_cast<int64_t>(there->size()) : 0;
  for (const std::string& json : *there) {
    if (!call.full) call.full = !exchange.write(event(++number, json));
  }
  keep_alive(exchange);
}

/// A comment now and then: proxies keep the connection, and one that is dead is noticed.
void StreamsFront::keep_alive(Exchange& exchange) {
  Call& call = *static_cast<Call*>(exchange.context);
  call.timer = reactor_.call_after(keep_alive_period, [this, &exchange, &call] {
    if (!call.full) call.full = !exchange.write(": here\n\n");
    keep_alive(exchange);
  });
}

void StreamsFront::on_writable(Exchange& exchange) {
  static_cast<Call*>(exchange.context)->full = false;
}

void StreamsFront::on_closed(Exchange& exchange, bool) {
  const std::unique_ptr<Call> call(static_cast<Call*>(exchange.context));
  stop_waiting(*call);
}

}  // namespace barrio::engine
