// Clients that leave at any point of any exchange, over both versions, by seed. What is looked for is found by the
// sanitizers, and by the count of on_closed.

#include <doctest/doctest.h>

#include "base/rng.h"
#include "net/client.h"
#include "net/http2_test.h"

namespace barrio::net::disconnect_test {
namespace {

using namespace test;

/// Does something at random in every callback; each exchange must hear on_closed exactly once, and last.
struct Restless final : ExchangeHandler {
  struct Open {
    Exchange* exchange;
    bool answering = false;
    bool paused = false;
  };
  explicit Restless(uint64_t seed) : rng(seed) {}

  void act(Exchange& exchange) {
    Open& one = *static_cast<Open*>(exchange.context);
    switch (rng.below(12)) {
      case 0: return exchange.abort();
      case 1: return exchange.reply(200, {}, std::string(rng.below(100'000), 'r'));
      case 2:
      case 3: one.answering = true; return exchange.begin(200, {}, std::nullopt);
      case 4:
      case 5:
      case 6: exchange.write(std::string(rng.below(100'000), 'w')); return;
      case 7: {
        const Header trailer{"t", "1"};
        return exchange.end({&trailer, 1});
      }
      case 8: return exchange.pause();
      case 9: return exchange.upgrade({});
      default: return exchange.resume();
    }
  }
  void on_head(Exchange& exchange) override {
    open.push_back(new Open{&exchange});
    exchange.context = open.back();
    ++begun;
    act(exchange);
  }
  void on_body(Exchange& exchange, std::string_view) override { act(exchange); }
  void on_trailers(Exchange& exchange, std::span<const Header>) override { act(exchange); }
  void on_end(Exchange& exchange) override { act(exchange); }
  void on_writable(Exchange& exchange) override { act(exchange); }
  void on_tunnel_end(Exchange& exchange) override { act(exchange); }
  void on_closed(Exchange& exchange, bool) override {
    auto* one = static_cast<Open*>(exchange.context);
    REQUIRE(std::erase(open, one) == 1);
    delete one;
    ++closed;
  }
  /// Somebody who answers later, from outside any callback.
  void later() {
    if (!open.empty()) act(*open[rng.below(open.size())]->exchange);
  }

  Rng rng;
  std::vector<Open*> open;
  size_t begun = 0;
  size_t closed = 0;
};

std::string random_bytes_for(FramePeer& peer, Rng& rng) {
  std::string bytes;
  int32_t id = 1;
  for (uint64_t i = 0, count = 1 + rng.below(12); i < count; ++i, id += 2) {
    const bool body = rng.below(2) == 0;
    bytes += FramePeer::frame_text(
        NGHTTP2_HEADERS, static_cast<uint8_t>(NGHTTP2_FLAG_END_HEADERS | (body ? 0 : NGHTTP2_FLAG_END_STREAM)), id,
        peer.block(body ? FramePeer::post() : FramePeer::get()));
    if (!body) continue;
    for (uint64_t j = rng.below(4); j > 0; --j) {
      bytes += FramePeer::frame_text(NGHTTP2_DATA, 0, id, std::string(rng.below(5000), 'd'));
    }
    switch (rng.below(4)) {
      case 0: bytes += FramePeer::frame_text(NGHTTP2_RST_STREAM, 0, id, number_text(NGHTTP2_CANCEL)); break;
      case 1: bytes += FramePeer::frame_text(NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, id, "end"); break;
      case 2:
        bytes += FramePeer::frame_text(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, id,
                                       peer.block({{"trailer", "1"}}));
        break;
      default: break;
    }
  }
  return bytes;
}

std::string random_http1(Rng& rng) {
  std::string bytes;
  for (uint64_t i = 0, count = 1 + rng.below(4); i < count; ++i) {
    switch (rng.below(3)) {
      case 0: bytes += "GET / HTTP/1.1\r\nHost: a\r\n\r\n"; break;
      case 1:
        bytes +=
            "POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: "
            "y\r\n\r\n";
        break;
      default: bytes += "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nbytes";
    }
  }
  return bytes;
}

TEST_CASE("clients that disconnect at any point leave nothing behind") {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    INFO("seed ", seed);
    Rng rng(seed);
    Reactor reactor;
    Restless handler(seed * 7);
    {
      Server server(reactor, {.write_buffer_bytes = 20'000}, handler);
      const SocketAddress address = *server.listen(any_port());
      std::vector<std::unique_ptr<FramePeer>> peers;
      for (int i = 0; i < 4; ++i) {
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        REQUIRE(::connect(fd, address.native(), address.native_length()) == 0);
        peers.push_back(std::make_unique<FramePeer>(fd));
        const bool http1 = rng.below(3) == 0;
        const std::string bytes = http1 ? random_http1(rng)
                                        : std::string(FramePeer::preface) +
                                              FramePeer::frame_text(NGHTTP2_SETTINGS, 0, 0, "") +
                                              random_bytes_for(*peers.back(), rng);
        // All of it, or up to any byte.
        const size_t cut = rng.below(3) == 0 ? bytes.size() : rng.below(bytes.size());
        const size_t half = cut / 2;
        peers.back()->raw(std::string_view(bytes).substr(0, half));
        if (rng.below(2) == 0) reactor.turn(0ns);
        peers.back()->raw(std::string_view(bytes).substr(half, cut - half));
      }
      for (int turn = 0; turn < 30; ++turn) {
        reactor.turn(0ns);
        handler.later();
        const size_t who = rng.below(peers.size() * 4);
        if (who < peers.size()) peers[who]->close();
        if (turn == 20 && rng.below(2) == 0) server.drain();
      }
      if (rng.below(2) == 0) {
        for (auto& peer : peers) peer->close();
        turn_until(reactor, [&] {
          handler.later();
          return server.connections() == 0;
        });
      }
    }
    CHECK(handler.open.empty());
    CHECK(handler.begun == handler.closed);
  }
}

/// Starts and cancels at random; every call that is not cancelled must hear exactly one last word.
struct Caller final : CallHandler {
  Rng* rng = nullptr;
  Call* call = nullptr;
  bool last_word = false;
  bool cancelled = false;
  void heard() const { REQUIRE_FALSE((last_word || cancelled)); }
  void act() {
    switch (rng->below(8)) {
      case 0: cancelled = true; return call->cancel();
      case 1: return call->pause();
      case 2: return call->resume();
      case 3: call->write(std::string(rng->below(50'000), 'x')); return;
      case 4: return call->end();
      default: return;
    }
  }
  void on_head(const ResponseHead&) override { heard(), act(); }
  void on_body(std::string_view) override { heard(), act(); }
  void on_trailers(std::span<const Header>) override { heard(), act(); }
  void on_done() override { heard(), last_word = true; }
  void on_error(CallError) override { heard(), last_word = true; }
  void on_writable() override { heard(), act(); }
};

TEST_CASE("calls to servers that answer, abort, drain or die at random end once each") {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    INFO("seed ", seed);
    Rng rng(seed);
    Reactor reactor;
    Restless handler(seed * 13);
    std::deque<Caller> callers;
    Client client(reactor, {.write_buffer_bytes = 30'000, .http2 = {.waiting = 8}});
    auto server =
        std::make_unique<Server>(reactor, ServerLimits{.write_buffer_bytes = 20'000, .http2 = {.streams = 4}}, handler);
    const SocketAddress address = *server->listen(any_port());
    for (int turn = 0; turn < 60; ++turn) {
      if (turn < 40) {
        Endpoint endpoint = address;
        endpoint.protocol = rng.below(4) == 0 ? Protocol::http1 : Protocol::http2;
        callers.emplace_back();
        callers.back().rng = &rng;
        const std::optional<uint64_t> length = rng.below(2) == 0 ? std::optional<uint64_t>(0) : std::nullopt;
        callers.back().call = &client.start(
            endpoint, {.method = "POST", .length = length, .deadline = reactor.fresh_now() + 50ms}, callers.back());
      }
      reactor.turn(0ns);
      handler.later();
      Caller& any = callers[rng.below(callers.size())];
      if (!any.last_word && !any.cancelled) any.act();
      if (turn == 30 && rng.below(2) == 0) server->drain();
      if (turn == 45 && rng.below(2) == 0) server.reset();
    }
    turn_until(reactor, [&] {
      for (Caller& one : callers) {
        if (!one.last_word && !one.cancelled) one.call->resume();
      }
      return std::all_of(callers.begin(), callers.end(),
                         [](const Caller& one) { return one.last_word || one.cancelled; });
    });
    server.reset();
    CHECK(handler.begun == handler.closed);
  }
}

}  // namespace
}  // namespace barrio::net::disconnect_test
