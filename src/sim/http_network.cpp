#include "sim/http_network.h"

#include <fmt/format.h>

#include "base/check.h"
#include "net/server.h"
#include "objects/copies.h"
#include "sim/world.h"

namespace barrio::sim {

namespace {

constexpr Duration from_client = 2ms;      // to the site beside it
constexpr Duration connect_patience = 3s;  // of net::Client
constexpr Duration refusal_takes = 1ms;    // of a machine whose process is not there
constexpr double latest_ms = 20'000;       // that TCP still brings what was given up long ago
constexpr std::string_view storage_port = ":7480";

std::vector<net::Header> views_of(const net::OwnedHeaders& headers) {
  std::vector<net::Header> views;
  for (const auto& [name, value] : headers) views.emplace_back(name, value);
  return views;
}

net::OwnedHeaders owned(std::span<const net::Header> headers) {
  net::OwnedHeaders kept;
  for (const net::Header& header : headers) kept.emplace_back(header.name, header.value);
  return kept;
}

}  // namespace

/// Gathers a whole answer.
class HttpNetwork::Fetching final : public net::CallHandler {
 public:
  explicit Fetching(std::function<void(Result<net::Response>)> done) : done_(std::move(done)) {}
  void on_head(const net::ResponseHead& head) override {
    response_.status = head.status;
    response_.headers = owned(head.headers);
  }
  void on_body(std::string_view piece) override { response_.body += piece; }
  void on_done() override { done_(std::move(response_)); }
  void on_error(net::CallError error) override { done_(fail(std::move(error.error))); }
  void on_writable() override {}

 private:
  const std::function<void(Result<net::Response>)> done_;
  net::Response response_;
};

class HttpNetwork::Call final : public net::Call {
 public:
  Call(HttpNetwork& network, uint64_t number, Message message, net::CallHandler* handler)
      : network_(network),
        number_(number),
        message_(std::make_shared<Message>(std::move(message))),
        handler_(handler) {}

  bool write(std::string_view piece) override {
    message_->request.body += piece;
    return true;
  }
  void end(std::span<const net::Header> /*trailers*/) override { network_.send(network_.calls_.at(number_)); }
  void pause() override {}
  void resume() override {}
  void cancel() override { network_.left(network_.calls_.at(number_)); }
  Duration connect_time() const override { return {}; }

  uint64_t number() const { return number_; }
  MessageRef message() const { return message_; }
  bool is_over() const { return handler_ == nullptr; }
  void fetch_with(std::unique_ptr<Fetching> fetching) {
    fetching_ = std::move(fetching);
    handler_ = fetching_.get();
  }
  void forget() { handler_ = nullptr; }
  /// Each of these may be the last that its handler hears: that is asked again before the next one.
  void tell(const net::Response& response) {
    const auto headers = views_of(response.headers);
    net::ResponseHead head;
    head.status = response.status;
    head.headers = headers;
    head.content_length = response.body.size();
    head.has_body = !response.body.empty();
    handler_->on_head(head);
    if (handler_ != nullptr && head.has_body) handler_->on_body(response.body);
    if (net::CallHandler* last = std::exchange(handler_, nullptr)) last->on_done();
  }
  void tell(net::CallError error) {
    if (net::CallHandler* last = std::exchange(handler_, nullptr)) last->on_error(std::move(error));
  }

 private:
  HttpNetwork& network_;
  const uint64_t number_;
  const std::shared_ptr<Message> message_;
  net::CallHandler* handler_;
  std::unique_ptr<Fetching> fetching_;
};

/// At the site that is asked. `call`: who waits for the answer; null: nobody, the message came twice.
class HttpNetwork::Exchange final : public net::Exchange {
 public:
  Exchange(HttpNetwork& network, uint64_t number, MessageRef message, CallRef call, Time now)
      : network_(network),
        number_(number),
        message_(std::move(message)),
        call_(std::move(call)),
        now_(now),
        headers_(views_of(message_->request.headers)) {
    const net::Request& request = message_->request;
    head_.method = request.method;
    head_.target = request.target;
    head_.path = request.path();
    head_.query = request.query();
    head_.headers = headers_;
    head_.has_body = !request.body.empty();
    if (head_.has_body) head_.content_length = request.body.size();
  }

  const net::RequestHead& request() const override { return head_; }
  const std::string& device_ip() const override { return message_->request.peer_ip; }
  const net::TlsInfo* tls() const override { return nullptr; }
  Time first_byte() const override { return now_; }
  void pause() override {}
  void resume() override {}
  void begin(int status, std::span<const net::Header> headers, std::optional<uint64_t> /*length*/) override {
    response_->status = status;
    response_->headers = owned(headers);
  }
  bool write(std::string_view piece) override {
    response_->body += piece;
    return true;
  }
  void end(std::span<const net::Header> /*trailers*/) override {
    network_.answered(network_.exchanges_.at(number_), response_);
  }
  void upgrade(std::span<const net::Header> /*headers*/) override { abort(); }
  void reply(int status, std::span<const net::Header> headers, std::string_view body) override {
    begin(status, headers, body.size());
    write(body);
    net::Exchange::end();
  }
  void abort() override { network_.answered(network_.exchanges_.at(number_), nullptr); }

  uint64_t number() const { return number_; }
  const MessageRef& message() const { return message_; }
  const CallRef& call() const { return call_; }
  net::ExchangeHandler* handler = nullptr;
  bool over = false;  // for its handler, but for on_closed

 private:
  HttpNetwork& network_;
  const uint64_t number_;
  const MessageRef message_;
  const CallRef call_;
  const Time now_;
  const std::vector<net::Header> headers_;
  net::RequestHead head_;
  std::shared_ptr<net::Response> response_ = std::make_shared<net::Response>();
};

class HttpNetwork::SiteCalls final : public objects::PeerCalls {
 public:
  SiteCalls(HttpNetwork& network, size_t site) : network_(network), site_(site) {}
  net::Call& start(const net::Endpoint& to, const net::CallStart& start, net::CallHandler& handler) override {
    Message message = to_site(to);
    message.request.method = start.method;
    message.request.target = start.target;
    message.request.headers = owned(start.headers);
    message.request.headers.emplace_back("Host", to.address.str());
    const CallRef call = network_.begin(std::move(message), start.deadline, &handler);
    if (start.length == std::optional<uint64_t>(0)) network_.send(call);
    return *call;
  }
  void fetch(const net::Endpoint& to, net::Request request, Time deadline,
             std::function<void(Result<net::Response>)> done) override {
    Message message = to_site(to);
    message.request = std::move(request);
    network_.fetch(std::move(message), deadline, std::move(done));
  }

 private:
  /// "10.0.1.44:7480" is site 300.
  Message to_site(const net::Endpoint& endpoint) const {
    const std::string ip = endpoint.address.ip();
    const size_t last = ip.rfind('.');
    const size_t high = ip.rfind('.', last - 1);
    const size_t site = std::stoul(ip.substr(high + 1, last - high - 1)) * 256 + std::stoul(ip.substr(last + 1));
    return {site_, site, {}};
  }

  HttpNetwork& network_;
  const size_t site_;
};

bool HttpNetwork::is_of_copies(const Message& message) {
  return message.request.path().starts_with(objects::copies_path);
}

std::string HttpNetwork::address(size_t site) {
  return fmt::format("10.0.{}.{}{}", site / 256, site % 256, storage_port);
}

std::unique_ptr<objects::PeerCalls> HttpNetwork::calls_of(size_t site) {
  return std::make_unique<SiteCalls>(*this, site);
}

void HttpNetwork::ask(size_t site, net::Request request, Duration patience,
                      std::function<void(Result<net::Response>)> done) {
  fetch({client, site, std::move(request)}, world_.loop().now() + patience, std::move(done));
}

HttpNetwork::CallRef HttpNetwork::fetch(Message message, Time deadline,
                                        std::function<void(Result<net::Response>)> done) {
  CallRef call = begin(std::move(message), deadline, nullptr);
  call->fetch_with(std::make_unique<Fetching>(std::move(done)));
  send(call);
  return call;
}

HttpNetwork::CallRef HttpNetwork::begin(Message message, Time deadline, net::CallHandler* handler) {
  const uint64_t number = ++made_;
  auto call = std::make_shared<Call>(*this, number, std::move(message), handler);
  calls_.emplace(number, call);
  world_.loop().at(deadline, [this, weak = std::weak_ptr(call)] {
    const CallRef still = weak.lock();
    if (!still || still->is_over()) return;
    still->tell(net::CallError{{Code::timed_out, "the deadline has passed", ""}, true});
    left(still);
  });
  return call;
}

bool HttpNetwork::reaches(size_t from, size_t to) const {
  return from == client || to == client || !world_.is_cut(from, to);
}

/// What was lost is sent again and again, by TCP, also when nobody waits for it any more; until that gives up, too.
std::optional<Duration> HttpNetwork::late() {
  Rng& rng = world_.loop().rng();
  if (rng.below(2) == 0) return std::nullopt;
  return from_ms(latest_ms * rng.unit());
}

Duration HttpNetwork::travel(const Message& message) const {
  return message.is_between_sites() ? world_.rtt(message.from, message.to) / 2 : from_client;
}

void HttpNetwork::send(const CallRef& call) {
  const MessageRef message = call->message();
  const auto [from, to] = std::pair(message->from, message->to);
  if (message->is_between_sites() && watch_ && !message->request.body.empty()) {
    watch_(from, to, message->request.target);
  }
  // A new connection that cannot be made is given up; one that was there before says nothing.
  if (!reaches(from, to) || !reaches(to, from)) {
    if (world_.loop().rng().below(2) == 0) {
      fail_later(call, connect_patience, {{Code::unavailable, "nobody answers there", ""}, false});
    }
    if (!reaches(from, to)) return;
  }
  const auto arrives = [this, message](Duration after, CallRef waiting) {
    world_.loop().after(after, [this, message, waiting = std::move(waiting)] { arrive(message, waiting); });
  };
  // A connection broke, and the request went once more over another one: what does that twice must not mind.
  if (world_.doubles_message() && is_of_copies(*message)) arrives(world_.some_seconds(), nullptr);
  if (!world_.loses_message()) return arrives(travel(*message), call);
  if (const auto after = late()) arrives(*after, call);
}

void HttpNetwork::arrive(const MessageRef& message, const CallRef& call) {
  if (!reaches(message->from, message->to)) return;
  SiteStorage* there = world_.storage(message->to);
  net::ExchangeHandler* handler = there == nullptr ? nullptr : there->service();
  if (handler == nullptr) {
    if (call && reaches(message->to, message->from)) {
      fail_later(call, travel(*message) + refusal_takes, {{Code::unavailable, "connection refused", ""}, false});
    }
    return;
  }
  const uint64_t number = ++made_;
  const auto exchange = std::make_shared<Exchange>(*this, number, message, call, world_.loop().now());
  exchange->handler = handler;
  exchanges_.emplace(number, exchange);
  handler->on_head(*exchange);
  if (exchange->over) return;
  if (!message->request.body.empty()) handler->on_body(*exchange, message->request.body);
  if (!exchange->over) handler->on_end(*exchange);
}

void HttpNetwork::fail_later(const CallRef& call, Duration after, net::CallError error) {
  world_.loop().after(after, [this, call, error = std::move(error)] {
    if (call->is_over()) return;
    call->tell(error);
    left(call);
  });
}

void HttpNetwork::answered(const ExchangeRef& exchange, std::shared_ptr<const net::Response> response) {
  if (std::exchange(exchange->over, true)) return;
  const MessageRef& message = exchange->message();
  const bool is_whole = response != nullptr;
  world_.loop().after({}, [this, exchange, is_whole] {
    if (exchanges_.erase(exchange->number()) != 0) exchange->handler->on_closed(*exchange, !is_whole);
  });
  // What a refusal says is no byte of the bucket.
  const bool gives = is_whole && response->status / 100 == 2 && !response->body.empty();
  if (gives && message->is_between_sites() && watch_) {
    watch_(message->to, message->from, message->request.target);
  }
  const CallRef& call = exchange->call();
  if (!call || !reaches(message->to, message->from)) return;
  if (!is_whole) return fail_later(call, travel(*message), {{Code::unavailable, "the connection was reset", ""}, true});
  Duration after = travel(*message);
  if (world_.loses_message()) {
    const auto later = late();
    if (!later) return;
    after += *later;
  }
  world_.loop().after(after, [this, call, message, response = std::move(response)] {
    if (call->is_over() || !reaches(message->to, message->from)) return;
    call->tell(*response);
    calls_.erase(call->number());
  });
}

void HttpNetwork::left(CallRef call) {
  call->forget();
  calls_.erase(call->number());
  const MessageRef message = call->message();
  // Whoever works on it is told.
  world_.loop().after(travel(*message), [this, call = std::move(call), message] {
    if (!reaches(message->from, message->to)) return;
    for (const auto& [number, exchange] : exchanges_) {
      if (exchange->call() != call || std::exchange(exchange->over, true)) continue;
      const ExchangeRef closed = exchange;
      exchanges_.erase(number);
      return closed->handler->on_closed(*closed, true);
    }
  });
}

void HttpNetwork::site_ended(size_t site) {
  const auto all = exchanges_;
  for (const auto& [number, exchange] : all) {
    if (exchange->message()->to != site) continue;
    exchanges_.erase(number);
    if (!std::exchange(exchange->over, true) && exchange->call()) {
      const Message& message = *exchange->message();
      if (reaches(message.to, message.from)) {
        fail_later(exchange->call(), travel(message), {{Code::unavailable, "the connection was reset", ""}, true});
      }
    }
    exchange->handler->on_closed(*exchange, true);
  }
  const auto calls = calls_;
  for (const auto& [number, call] : calls) {
    if (call->message()->from == site) left(call);
  }
}

}  // namespace barrio::sim
