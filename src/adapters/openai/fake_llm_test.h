#pragma once
// A server of OpenAI's API on the test's own loop, which answers as the test tells it to.

#include <doctest/doctest.h>

#include <deque>

#include "adapters/openai/openai_backend.h"
#include "net/server.h"

namespace barrio::adapters::openai::test {

struct Asked {
  net::Exchange* exchange = nullptr;  // null: over
  std::string target = {};
  std::string key = {};
  std::string body = {};
  bool ended = false;
  bool aborted = false;

  void begin_stream() const {
    const net::Header headers[] = {{"Content-Type", "text/event-stream; charset=utf-8"}};
    exchange->begin(200, headers, std::nullopt);
  }
  void event(std::string_view data) const { exchange->write("data: " + std::string(data) + "\n\n"); }
  void reply(int status, std::string_view body_text, std::vector<net::Header> headers = {}) const {
    headers.push_back({"Content-Type", "application/json"});
    exchange->reply(status, headers, body_text);
  }
};

class FakeLlm final : public net::ExchangeHandler {
 public:
  explicit FakeLlm(net::Reactor& reactor)
      : server_(reactor, {}, *this), address_(*server_.listen(*net::SocketAddress::parse("127.0.0.1:0"))) {}

  std::string url() const { return "http://" + address_.str(); }
  std::deque<Asked> asked;  // without those for /metrics
  std::string metrics;      // empty: 404
  size_t metrics_asked = 0;

 private:
  void on_head(net::Exchange& exchange) override {
    if (exchange.request().path == "/metrics") return;
    asked.push_back({&exchange, std::string(exchange.request().target),
                     std::string(net::find_header(exchange.request().headers, "Authorization").value_or(""))});
    exchange.context = &asked.back();
  }
  void on_body(net::Exchange& exchange, std::string_view piece) override {
    if (exchange.context != nullptr) static_cast<Asked*>(exchange.context)->body += piece;
  }
  void on_end(net::Exchange& exchange) override {
    if (exchange.context != nullptr) {
      static_cast<Asked*>(exchange.context)->ended = true;
      return;
    }
    ++metrics_asked;
    exchange.reply(metrics.empty() ? 404 : 200, {}, metrics);
  }
  void on_writable(net::Exchange&) override {}
  void on_closed(net::Exchange& exchange, bool aborted) override {
    if (exchange.context == nullptr) return;
    static_cast<Asked*>(exchange.context)->exchange = nullptr;
    static_cast<Asked*>(exchange.context)->aborted = aborted;
  }

  net::Server server_;
  net::SocketAddress address_;
};

struct Sink final : ports::GenerationSink {
  std::vector<std::string> pieces;
  ports::Tokens tokens;
  bool ended = false;
  std::optional<ports::GenerationFailure> failure;
  bool takes_more = true;
  std::function<void()> on_each = [] {};

  bool on_piece(std::string_view json) override {
    CHECK_FALSE(over());
    pieces.emplace_back(json);
    on_each();
    return takes_more;
  }
  void on_tokens(ports::Tokens more) override {
    CHECK_FALSE(over());
    CHECK_FALSE(more.none());
    tokens.in += more.in;
    tokens.out += more.out;
  }
  void on_end() override {
    CHECK_FALSE(over());
    ended = true;
  }
  void on_failure(ports::GenerationFailure what) override {
    CHECK_FALSE(over());
    failure = std::move(what);
  }
  bool over() const { return ended || failure; }
};

struct World {
  explicit World(const std::string& settings = "") : World(std::vector<std::string>{settings}) {}
  explicit World(const std::vector<std::string>& each) {
    std::vector<OpenaiSettings> models;
    for (size_t i = 0; i < each.size(); ++i) {
      auto parsed = OpenaiSettings::parse(i == 0 ? "m" : "m" + std::to_string(i + 1),
                                          (each[i].find("model=") == std::string::npos ? "model=theirs,url=" : "url=") +
                                              llm.url() + (each[i].empty() ? "" : ",") + each[i]);
      REQUIRE_MESSAGE(parsed, (parsed ? "" : parsed.error().text()));
      models.push_back(std::move(*parsed));
    }
    backend.emplace(reactor, std::move(models));
  }
  void until(const std::function<bool()>& done) {
    const Time limit = reactor.fresh_now() + 10s;
    while (!done() && reactor.now() < limit) reactor.turn(10ms);
    REQUIRE(done());
  }
  /// The server notices by itself that nobody reads.
  void until_closed(size_t index) {
    const Asked& one = llm.asked.at(index);
    until([&] { return one.exchange == nullptr; });
    CHECK(one.aborted);
  }
  void some_turns() {
    for (int i = 0; i < 20; ++i) reactor.turn(1ms);
  }
  static ports::GenerationRequest ask(bool stream = true, size_t prompt_bytes = 4) {
    ports::GenerationRequest request;
    request.model = "m";
    request.body = R"({"model":"m","messages":[]})";
    request.stream = stream;
    request.prompt_bytes = prompt_bytes;
    return request;
  }
  uint64_t start(Sink& sink, ports::GenerationRequest request = ask()) {
    return backend->start(std::move(request), sink);
  }
  /// Waits until the server has been asked so often.
  Asked& asked(size_t count) {
    until([&] { return llm.asked.size() >= count && llm.asked[count - 1].ended; });
    return llm.asked[count - 1];
  }

  net::Reactor reactor;
  FakeLlm llm{reactor};
  std::optional<OpenaiBackend> backend;
};

}  // namespace barrio::adapters::openai::test
