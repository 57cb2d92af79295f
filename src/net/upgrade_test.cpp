// HTTP/1.1 connections that become tunnels, and trailer fields of HTTP/1.1 messages.

#include <doctest/doctest.h>

#include "net/client.h"
#include "net/http1_body.h"
#include "net/http2_test.h"

namespace barrio::net::upgrade_test {
namespace {

using namespace test;

/// A client that sends any bytes.
struct RawClient {
  explicit RawClient(const SocketAddress& address) : fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    REQUIRE(::connect(fd, address.native(), address.native_length()) == 0);
  }
  ~RawClient() { ::close(fd); }
  void send(std::string_view bytes) const {
    REQUIRE(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
  }
  bool poll() {
    char buffer[65536];
    ssize_t got = 0;
    while ((got = ::recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT)) > 0) text.append(buffer, static_cast<size_t>(got));
    return got == 0 || errno == ECONNRESET;
  }
  bool has(std::string_view part) {
    poll();
    return text.find(part) != std::string::npos;
  }
  int fd;
  std::string text;
};

const std::string ask =
    "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n";

/// Accepts every upgrade and sends back what comes.
void accept_tunnels(Recorder& recorder) {
  recorder.head = [](Exchange& exchange) {
    const Header header{"Sec-WebSocket-Accept", "yes"};
    if (!exchange.request().upgrade.empty()) exchange.upgrade({&header, 1});
  };
  recorder.body = [](Exchange& exchange) {
    exchange.write(Recorder::of(exchange).body);
    Recorder::of(exchange).body.clear();
  };
}

TEST_CASE("a handler sees which protocol a request asks for, and only where that is meant") {
  const std::pair<std::string, std::string> cases[] = {
      {"Connection: Upgrade\r\nUpgrade: websocket\r\n", "websocket"},
      {"Connection: close, upgrade\r\nUpgrade: WebSocket, other\r\n", "WebSocket"},
      {"Upgrade: websocket\r\n", ""},
      {"Connection: Upgrade\r\n", ""},
      {"Connection: Upgrade\r\nUpgrade: two words\r\n", ""},
      {"Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n", ""}};
  for (const auto& [fields, expected] : cases) {
    World world;
    std::string upgrade = "?";
    world.recorder.head = [&](Exchange& exchange) { upgrade = exchange.request().upgrade; };
    RawClient client(world.address);
    client.send("GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n");
    if (fields.find("Length") != std::string::npos) client.send("ab");
    world.until([&] { return client.has("ok"); });  // nobody accepted: a request like any other
    INFO(fields);
    CHECK(upgrade == expected);
    CHECK(client.has("HTTP/1.1 200 OK"));
  }
}

TEST_CASE("an accepted upgrade carries bytes both ways until both sides have ended") {
  World world;
  accept_tunnels(world.recorder);
  RawClient client(world.address);
  client.send(ask + "early");
  world.until([&] { return client.has("\r\n\r\nearly"); });
  CHECK(client.text.starts_with("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"));
  CHECK(client.has("Sec-WebSocket-Accept: yes\r\n"));
  client.send("GET / HTTP/1.1\r\n\r\n");  // no request any more
  world.until([&] { return client.has("earlyGET / HTTP/1.1\r\n\r\n"); });
  ::shutdown(client.fd, SHUT_WR);
  world.until([&] { return world.recorder.seen[0].tunnel_ended; });
  some_turns(world.reactor);
  CHECK_FALSE(client.poll());
  Exchange& exchange = *world.recorder.seen[0].exchange;
  exchange.write("bye");
  exchange.end();
  world.until([&] { return client.poll(); });
  CHECK(client.has("bye"));
  world.until([&] { return world.recorder.all_closed(1) && world.server->connections() == 0; });
  CHECK_FALSE(world.recorder.seen[0].aborted);
  CHECK_FALSE(world.recorder.seen[0].ended);
}

TEST_CASE("a tunnel that the server ends first still takes what the client sends") {
  World world;
  accept_tunnels(world.recorder);
  world.recorder.body = [](Exchange&) {};
  RawClient client(world.address);
  client.send(ask);
  world.until([&] { return client.has("101 "); });
  world.recorder.seen[0].exchange->end();
  world.until([&] { return client.poll(); });
  client.send("last words");
  ::shutdown(client.fd, SHUT_WR);
  world.until([&] { return world.recorder.all_closed(1); });
  CHECK(world.recorder.seen[0].body == "last words");
  CHECK_FALSE(world.recorder.seen[0].aborted);
}

TEST_CASE("an upgrade may be accepted after the request's end was told") {
  World world;
  world.recorder.end = [](Exchange&) {};
  RawClient client(world.address);
  client.send(ask);
  world.until([&] { return !world.recorder.seen.empty() && world.recorder.seen[0].ended; });
  client.send("waits");
  some_turns(world.reactor);
  CHECK(world.recorder.seen[0].body.empty());
  world.recorder.seen[0].exchange->upgrade({});
  world.until([&] { return world.recorder.seen[0].body == "waits" && client.has("101 "); });
}

TEST_CASE("a paused tunnel takes no more, and write says stop when the client does not read") {
  World world({.body_bytes = 10, .write_buffer_bytes = 100'000});
  accept_tunnels(world.recorder);
  bool pauses = true;
  world.recorder.body = [&](Exchange& exchange) {
    if (pauses) exchange.pause();
  };
  RawClient client(world.address);
  client.send(ask);
  world.until([&] { return client.has("101 "); });
  const std::string big(200'000, 'x');
  client.send(big);
  Seen& seen = world.recorder.seen[0];
  world.until([&] { return !seen.body.empty(); });
  some_turns(world.reactor);
  CHECK(seen.body.size() < big.size());
  pauses = false;
  seen.exchange->resume();
  world.until([&] { return seen.body == big; });  // no limit on bodies applies
  size_t written = 0;
  do written += big.size();
  while (seen.exchange->write(big));
  some_turns(world.reactor);
  CHECK(seen.writable == 0);
  world.until([&] {
    client.poll();
    return seen.writable == 1;
  });
}

TEST_CASE("tunnels that nobody uses are closed, and those that are used are not") {
  World world({.body_timeout = 10ms, .idle_timeout = 10ms, .tunnel_idle_timeout = 100ms});
  accept_tunnels(world.recorder);
  RawClient client(world.address);
  client.send(ask);
  world.until([&] { return client.has("101 "); });
  const Time begin = world.reactor.now();
  for (int i = 0; i < 6; ++i) {
    const Time next = world.reactor.fresh_now() + 40ms;
    world.until([&] { return world.reactor.now() >= next; });
    client.send("x");
  }
  CHECK(world.reactor.now() - begin > 200ms);
  CHECK_FALSE(client.poll());
  world.until([&] { return client.poll() && world.recorder.all_closed(1); });
  CHECK(world.recorder.seen[0].aborted);
}

TEST_CASE("a drain gives tunnels a grace time, also those that begin after it") {
  World world({.tunnel_grace = 100ms});
  accept_tunnels(world.recorder);
  RawClient client(world.address);
  RawClient late(world.address);
  client.send(ask);
  late.send("GET /chat HT");
  world.until([&] { return client.has("101 ") && world.server->connections() == 2; });
  const Time begin = world.reactor.fresh_now();
  world.server->drain();
  late.send("TP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  world.until([&] { return late.has("101 "); });
  client.send("still here");
  world.until([&] { return client.has("still here"); });
  world.until([&] { return client.poll() && late.poll(); });
  CHECK(world.reactor.now() - begin >= 100ms);
  world.until([&] { return world.recorder.all_closed(2); });
}

TEST_CASE("upgrading what asked for nothing, or is HTTP/2, aborts the exchange") {
  World world;
  world.recorder.head = [](Exchange& exchange) { exchange.upgrade({}); };
  RawClient client(world.address);
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  world.until([&] { return client.poll() && world.recorder.all_closed(1); });
  CHECK(client.text.empty());
  auto peer = world.client();
  peer->headers(1, FramePeer::get());
  world.until([&] { return peer->reset_code(1).has_value(); });
}

struct Tunnel final : CallHandler {
  bool upgraded = false;
  bool their_end = false;
  bool done = false;
  int status = 0;
  std::string accept;
  std::string bytes;
  std::optional<CallError> error;
  Call* call = nullptr;
  void on_head(const ResponseHead& head) override { status = head.status; }
  void on_body(std::string_view piece) override { bytes += piece; }
  void on_done() override { done = true; }
  void on_error(CallError what) override { error = std::move(what); }
  void on_writable() override {}
  void on_upgraded(const ResponseHead& head) override {
    upgraded = true;
    accept = find_header(head.headers, "Sec-WebSocket-Accept").value_or("");
  }
  void on_tunnel_end() override { their_end = true; }
};

struct TunnelWorld : World {
  explicit TunnelWorld(ServerLimits limits = {}) : World(std::move(limits)) { accept_tunnels(recorder); }
  void start(Tunnel& tunnel, const std::string& protocol = "websocket") {
    tunnel.call = &client.start(
        address, {.target = "/chat", .deadline = reactor.fresh_now() + 300ms, .upgrade = protocol}, tunnel);
  }
  Client client{reactor, {}};
};

TEST_CASE("a call that is upgraded carries bytes both ways, and outlives its deadline") {
  TunnelWorld world;
  Tunnel tunnel;
  world.start(tunnel);
  world.until([&] { return tunnel.upgraded; });
  CHECK(tunnel.accept == "yes");
  CHECK(find_header(world.recorder.seen[0].headers, "upgrade") == "websocket");
  const std::string big(1'000'000, 'b');
  tunnel.call->write(big);
  world.until([&] { return tunnel.bytes == big; });
  const Time later = world.reactor.fresh_now() + 400ms;
  world.until([&] { return world.reactor.now() >= later; });
  CHECK_FALSE(tunnel.error);
  tunnel.call->write("more");
  world.until([&] { return tunnel.bytes == big + "more"; });
  tunnel.call->end();
  world.until([&] { return world.recorder.seen[0].tunnel_ended; });
  CHECK_FALSE(tunnel.done);
  world.recorder.seen[0].exchange->write("bye");
  world.recorder.seen[0].exchange->end();
  world.until([&] { return tunnel.done && world.recorder.all_closed(1); });
  CHECK(tunnel.bytes.ends_with("morebye"));
  CHECK_FALSE(world.recorder.seen[0].aborted);
}

TEST_CASE("when the server ends a tunnel first, the call hears it and ends in its own time") {
  TunnelWorld world;
  world.recorder.body = [](Exchange&) {};
  Tunnel tunnel;
  world.start(tunnel);
  world.until([&] { return tunnel.upgraded; });
  world.recorder.seen[0].exchange->end();
  world.until([&] { return tunnel.their_end; });
  CHECK_FALSE(tunnel.done);
  tunnel.call->write("last");
  tunnel.call->end();
  world.until([&] { return tunnel.done && world.recorder.all_closed(1); });
  CHECK(world.recorder.seen[0].body == "last");
}

TEST_CASE("a server that does not switch answers as ever; one that switches to something else is wrong") {
  TunnelWorld world;
  world.recorder.head = [](Exchange&) {};
  Tunnel plain;
  world.start(plain);
  world.until([&] { return plain.done; });
  CHECK(plain.status == 200);
  CHECK(plain.bytes == "ok");
  CHECK_FALSE(plain.upgraded);
  accept_tunnels(world.recorder);
  Tunnel cancelled;
  world.start(cancelled);
  world.until([&] { return cancelled.upgraded; });
  CHECK(world.server->connections() == 1);  // the pooled one
  cancelled.call->cancel();
  world.until([&] { return world.recorder.seen[1].tunnel_ended; });
  Endpoint http2 = world.address;
  http2.protocol = Protocol::http2;
  Tunnel unsupported;
  world.client.start(http2, {.deadline = world.reactor.fresh_now() + 1s, .upgrade = "websocket"}, unsupported);
  world.until([&] { return unsupported.error.has_value(); });
  CHECK(unsupported.error->error.code == Code::unsupported);
}

TEST_CASE("chunked bodies bring their trailers, without those that may not be trailers") {
  http1::BodyReader body;
  for (const size_t step : {1, 3, 1000}) {
    body.reset(http1::Framing::chunked, 0);
    std::string_view text = "3\r\nabc\r\n0\r\nChecksum:  a b\t\r\nContent-Length: 5\r\nEmpty:\r\nHost: x\r\n\r\n";
    while (!body.done()) {
      const auto taken = body.step(text.substr(0, step));
      REQUIRE(body.failure() == nullptr);
      text.remove_prefix(taken.consumed);
    }
    REQUIRE(body.trailers().size() == 2);
    CHECK(body.trailers()[0].name == "Checksum");
    CHECK(body.trailers()[0].value == "a b");
    CHECK(body.trailers()[1].name == "Empty");
    CHECK(body.trailers()[1].value.empty());
  }
  body.reset(http1::Framing::chunked, 0);
  body.step("0\r\nLong: " + std::string(5000, 'x') + "\r\n\r\n");
  CHECK(body.failure() != nullptr);
}

TEST_CASE("HTTP/1.1 answers have trailers if the client reads them and the answer is chunked") {
  World world;
  world.recorder.end = [](Exchange& exchange) {
    const Header trailers[] = {{"Checksum", Recorder::of(exchange).trailers.empty() ? "none" : "some"},
                               {"Transfer-Encoding", "chunked"}};
    const bool chunked = exchange.request().path != "/length";
    exchange.begin(200, {}, chunked ? std::nullopt : std::optional<uint64_t>(2));
    exchange.write("ok");
    exchange.end(trailers);
  };
  RawClient with(world.address);
  with.send(
      "POST / HTTP/1.1\r\nHost: a\r\nConnection: TE\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n"
      "2\r\nhi\r\n0\r\nX-Sum: 7\r\n\r\n");
  world.until([&] { return with.has("2\r\nok\r\n0\r\nChecksum: some\r\n\r\n"); });
  CHECK(world.recorder.seen[0].trailers == OwnedHeaders{{"X-Sum", "7"}});
  RawClient without(world.address);
  without.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  world.until([&] { return without.has("2\r\nok\r\n0\r\n\r\n"); });
  RawClient length(world.address);
  length.send("GET /length HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n");
  world.until([&] { return length.has("\r\n\r\nok"); });
  CHECK_FALSE(length.has("Checksum"));
}

TEST_CASE("an HTTP/1.1 call sends and receives trailers") {
  World world;
  world.recorder.end = [](Exchange& exchange) {
    const Header trailer{"Grpc-Status", "0"};
    exchange.begin(200, {}, std::nullopt);
    exchange.write("ok");
    exchange.end({&trailer, 1});
  };
  struct Trailing final : CallHandler {
    OwnedHeaders trailers;
    bool done = false;
    void on_head(const ResponseHead&) override {}
    void on_body(std::string_view) override { CHECK(trailers.empty()); }
    void on_trailers(std::span<const Header> fields) override {
      for (const Header& header : fields) trailers.emplace_back(header.name, header.value);
    }
    void on_done() override { done = true; }
    void on_error(CallError) override { CHECK(false); }
    void on_writable() override {}
  } told;
  Client client(world.reactor, {});
  Call& call = client.start(
      world.address,
      {.method = "POST", .length = std::nullopt, .deadline = world.reactor.fresh_now() + 5s, .takes_trailers = true},
      told);
  const Header trailers[] = {{"X-Sum", "7"}, {"Cookie", "no"}};
  call.write("body");
  call.end(trailers);
  world.until([&] { return told.done; });
  CHECK(told.trailers == OwnedHeaders{{"Grpc-Status", "0"}});
  CHECK(world.recorder.seen[0].trailers == OwnedHeaders{{"X-Sum", "7"}});
  CHECK(world.recorder.seen[0].body == "body");
}

}  // namespace
}  // namespace barrio::net::upgrade_test
