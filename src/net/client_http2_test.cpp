#include <doctest/doctest.h>
#include <stdlib.h>

#include <algorithm>
#include <array>

#include "net/client.h"
#include "net/http2_test.h"

namespace barrio::net::client_http2_test {
namespace {

using namespace test;

Endpoint http2_at(const SocketAddress& address) {
  Endpoint endpoint = address;
  endpoint.protocol = Protocol::http2;
  return endpoint;
}

/// Notes what comes of one call.
struct Told final : CallHandler {
  int status = 0;
  std::string body;
  OwnedHeaders trailers;
  std::optional<CallError> error;
  bool done = false;
  std::function<void()> writes = [] {};
  Call* call = nullptr;
  bool pauses = false;
  int continued = 0;

  void on_continue() override { ++continued; }
  void on_head(const ResponseHead& head) override { status = head.status; }
  void on_body(std::string_view piece) override {
    body += piece;
    if (pauses) call->pause();
  }
  void on_trailers(std::span<const Header> fields) override {
    for (const Header& header : fields) trailers.emplace_back(header.name, header.value);
  }
  void on_done() override {
    CHECK_FALSE(over());
    done = true;
  }
  void on_error(CallError what) override {
    CHECK_FALSE(over());
    error = std::move(what);
  }
  void on_writable() override { writes(); }
  bool over() const { return done || error; }
};

/// A listening socket whose connections speak in frames.
struct RawServer {
  RawServer() : fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    const SocketAddress any = any_port();
    REQUIRE(::bind(fd, any.native(), any.native_length()) == 0);
    REQUIRE(::listen(fd, 16) == 0);
    sockaddr_storage bound{};
    socklen_t length = sizeof(bound);
    REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &length) == 0);
    address = SocketAddress::from_native(bound, length);
  }
  ~RawServer() { ::close(fd); }
  bool accept() {
    const int accepted = ::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC);
    if (accepted < 0) return false;
    peers.push_back(std::make_unique<FramePeer>(accepted));
    peers.back()->expect_preface();
    peers.back()->frame(NGHTTP2_SETTINGS, 0, 0, settings);
    return true;
  }
  int fd;
  SocketAddress address;
  std::string settings;
  std::vector<std::unique_ptr<FramePeer>> peers;
};

struct Both {
  explicit Both(ServerLimits server_limits = {}, ClientLimits client_limits = {})
      : world(std::move(server_limits)), client(world.reactor, client_limits) {}
  Call& start(Told& told, CallStart start = {}) {
    if (start.deadline == Time{}) start.deadline = world.reactor.fresh_now() + 5s;
    told.call = &client.start(http2_at(world.address), start, told);
    return *told.call;
  }
  World world;
  Client client;
};

struct Alone {
  explicit Alone(ClientLimits limits = {}) : client(reactor, limits) {}
  Call& start(Told& told, CallStart start = {}) {
    if (start.deadline == Time{}) start.deadline = reactor.fresh_now() + 5s;
    told.call = &client.start(http2_at(server.address), start, told);
    return *told.call;
  }
  void until(const std::function<bool()>& done) { turn_until(reactor, done); }
  FramePeer& accept() {
    const size_t before = server.peers.size();
    until([&] { return server.peers.size() > before || server.accept(); });
    return *server.peers.back();
  }
  void answer(FramePeer& peer, int32_t id, const std::string& text) {
    peer.headers(id, {{":status", "200"}}, false);
    peer.data(id, text, true);
  }
  Reactor reactor;
  RawServer server;
  Client client;
};

TEST_CASE("whole messages travel both ways over HTTP/2, in every size, over TCP and Unix sockets") {
  Reactor reactor;
  MessageServer server(reactor, {}, [](Request request, Responder respond) {
    Response response;
    response.headers = {{"X-Method", request.method}, {"X-Target", request.target}};
    response.body = std::move(request.body);
    respond(std::move(response));
  });
  Client client(reactor, {});
  char folder[] = "/tmp/barrio-net-XXXXXX";
  REQUIRE(::mkdtemp(folder) != nullptr);
  for (const auto& listen : {any_port(), *SocketAddress::parse("unix:" + std::string(folder) + "/s")}) {
    const auto address = server.listen(listen);
    REQUIRE(address);
    for (const size_t size : {0, 1, 1000, 65536, 3'000'000}) {
      const std::string body(size, 'x');
      std::optional<Result<Response>> answer;
      client.fetch(http2_at(*address), {.method = "POST", .target = "/a?b=c", .body = body}, reactor.fresh_now() + 3s,
                   [&](Result<Response> result) { answer = std::move(result); });
      turn_until(reactor, [&] { return answer.has_value(); });
      REQUIRE(*answer);
      CHECK((*answer)->status == 200);
      CHECK((*answer)->body == body);
      CHECK(find_header((*answer)->headers, "x-target") == "/a?b=c");
    }
  }
  ::unlink((std::string(folder) + "/s").c_str());
  CHECK(::rmdir(folder) == 0);
}

TEST_CASE("calls share one connection, then two, and then wait their turn") {
  Both both({.http2 = {.streams = 2}}, {.http2 = {.waiting = 3}});
  both.world.recorder.end = [](Exchange&) {};
  std::array<Told, 8> told;
  const auto open = [&] {
    return std::ranges::count_if(both.world.recorder.seen, [](const Seen& seen) { return seen.exchange != nullptr; });
  };
  // The server's limit is known once it has spoken.
  both.start(told[0]);
  both.world.until([&] { return both.world.recorder.seen.size() == 1; });
  some_turns(both.world.reactor);
  for (size_t i = 1; i < told.size(); ++i) both.start(told[i]);
  both.world.until([&] { return told[7].over(); });
  REQUIRE(told[7].error);
  CHECK(told[7].error->error.code == Code::exhausted);
  CHECK_FALSE(told[7].error->sent);
  CHECK(both.world.server->connections() == 2);
  some_turns(both.world.reactor);
  CHECK(open() == 4);
  while (open() > 0) {
    for (Seen& seen : both.world.recorder.seen) {
      if (seen.exchange != nullptr) seen.exchange->reply(200, {}, "ok");
    }
    some_turns(both.world.reactor);
    CHECK(open() <= 4);
  }
  both.world.until([&] { return std::all_of(told.begin(), told.end() - 1, [](const Told& one) { return one.done; }); });
  CHECK(both.world.recorder.all_closed(7));
  CHECK(both.world.server->connections() == 2);
}

TEST_CASE("a call that waits for a stream ends at its deadline, and one that is cancelled is forgotten") {
  Both both({.http2 = {.streams = 1}}, {.http2 = {.connections = 1}});
  both.world.recorder.end = [](Exchange&) {};
  Told busy;
  Told late;
  Told gone;
  Told next;
  both.start(busy);
  both.world.until([&] { return both.world.recorder.seen.size() == 1; });
  some_turns(both.world.reactor);
  both.start(late, {.deadline = both.world.reactor.fresh_now() + 30ms});
  both.start(gone).cancel();
  both.start(next, {.target = "/next"});
  both.world.until([&] { return late.over(); });
  REQUIRE(late.error);
  CHECK(late.error->error.code == Code::timed_out);
  CHECK_FALSE(late.error->sent);
  both.world.recorder.seen[0].exchange->reply(200, {}, "");
  both.world.until([&] { return both.world.recorder.seen.size() == 2; });
  CHECK(both.world.recorder.seen[1].path == "/next");
  CHECK_FALSE(gone.over());
}

TEST_CASE("bodies and trailers stream both ways") {
  Both both;
  both.world.recorder.end = [](Exchange& exchange) {
    const Header trailer{"grpc-status", "0"};
    exchange.begin(200, {}, std::nullopt);
    exchange.write(Recorder::of(exchange).body);
    exchange.end({&trailer, 1});
  };
  Told told;
  Call& call = both.start(told, {.method = "POST", .length = std::nullopt, .takes_trailers = true});
  call.write("some ");
  some_turns(both.world.reactor);
  call.write("body");
  const Header trailers[] = {{"checksum", "1"}, {"host", "no"}};
  call.end(trailers);
  both.world.until([&] { return told.done; });
  CHECK(told.body == "some body");
  CHECK(told.trailers == OwnedHeaders{{"grpc-status", "0"}});
  CHECK(both.world.recorder.seen[0].trailers == OwnedHeaders{{"checksum", "1"}});
  CHECK(find_header(both.world.recorder.seen[0].headers, "te") == "trailers");
}

TEST_CASE("a paused call takes no more than its window, and hears the end once it has taken all") {
  Both both({.write_buffer_bytes = 10'000}, {.http2 = {.stream_window = 100'000}});
  const std::string big(300'000, 'x');
  both.world.recorder.end = [&](Exchange& exchange) { exchange.reply(200, {}, big); };
  Told told;
  Told other;
  told.pauses = true;
  both.start(told);
  both.world.until([&] { return !told.body.empty(); });
  some_turns(both.world.reactor);
  CHECK(told.body.size() < 100'000);
  CHECK_FALSE(both.world.recorder.seen[0].exchange == nullptr);
  both.start(other);
  both.world.until([&] { return other.done; });
  CHECK(other.body == big);
  while (!told.done) {
    told.call->resume();
    both.world.reactor.turn(10ms);
  }
  CHECK(told.body == big);
}

TEST_CASE("a short answer to a paused call waits, though the stream is over") {
  Both both;
  both.world.recorder.end = [](Exchange& exchange) {
    const Header trailer{"t", "1"};
    exchange.begin(200, {}, std::nullopt);
    exchange.write("hello");
    exchange.end({&trailer, 1});
  };
  Told told;
  both.start(told).pause();
  both.world.until([&] { return both.world.recorder.all_closed(1) && told.status == 200; });
  some_turns(both.world.reactor);
  CHECK(told.body.empty());
  CHECK_FALSE(told.done);
  told.call->resume();
  both.world.until([&] { return told.done; });
  CHECK(told.body == "hello");
  CHECK(told.trailers == OwnedHeaders{{"t", "1"}});
}

TEST_CASE("write says stop when the server does not read, and on_writable says go on") {
  Both both({.http2 = {.stream_window = 100'000}}, {.write_buffer_bytes = 50'000});
  both.world.recorder.head = [](Exchange& exchange) { exchange.pause(); };
  Told told;
  Call& call = both.start(told, {.method = "POST", .length = 400'000});
  const std::string piece(20'000, 'p');
  size_t written = 0;
  told.writes = [&] {
    while (written < 400'000) {
      written += piece.size();
      if (!call.write(piece)) return;
    }
    call.end();
  };
  told.writes();
  CHECK(written < 100'000);
  both.world.until([&] { return both.world.recorder.seen.size() == 1; });
  for (int i = 0; i < 10; ++i) some_turns(both.world.reactor);
  CHECK(written < 250'000);  // a window, and the buffer
  both.world.recorder.seen[0].exchange->resume();
  both.world.until([&] { return told.done; });
  CHECK(both.world.recorder.seen[0].body.size() == 400'000);
}

TEST_CASE("cancel resets the stream, and the connection lives") {
  Both both;
  both.world.recorder.end = [](Exchange&) {};
  Told told;
  both.start(told);
  both.world.until([&] { return both.world.recorder.seen.size() == 1; });
  told.call->cancel();
  both.world.until([&] { return both.world.recorder.all_closed(1); });
  CHECK(both.world.recorder.seen[0].aborted);
  both.world.recorder.end = [](Exchange& exchange) { exchange.reply(200, {}, "ok"); };
  Told next;
  both.start(next);
  both.world.until([&] { return next.done; });
  CHECK(both.world.server->connections() == 1);
  CHECK_FALSE(told.over());
}

TEST_CASE("a call without an answer ends at its deadline, and was sent") {
  Both both;
  both.world.recorder.end = [](Exchange&) {};
  Told told;
  both.start(told, {.deadline = both.world.reactor.fresh_now() + 50ms});
  both.world.until([&] { return told.over() && both.world.recorder.all_closed(1); });
  REQUIRE(told.error);
  CHECK(told.error->error.code == Code::timed_out);
  CHECK(told.error->sent);
}

TEST_CASE("an answer before the end of the request is an answer") {
  Both both;
  both.world.recorder.head = [](Exchange& exchange) { exchange.reply(503, {}, "no"); };
  Told told;
  Call& call = both.start(told, {.method = "POST", .length = 1'000'000});
  call.write(std::string(1000, 'x'));
  both.world.until([&] { return told.over(); });
  CHECK(told.done);
  CHECK(told.status == 503);
  CHECK(told.body == "no");
}

TEST_CASE("bodies that do not keep to their announced length fail the call") {
  Both both;
  Told more;
  Told less;
  both.start(more, {.method = "POST", .length = 3}).write("four");
  both.start(less, {.method = "POST", .length = 3}).end();
  both.world.until([&] { return more.over() && less.over(); });
  REQUIRE(more.error);
  CHECK(more.error->error.code == Code::invalid);
  REQUIRE(less.error);
  CHECK(less.error->error.code == Code::invalid);
}

TEST_CASE("a call that GOAWAY or REFUSED_STREAM says was not processed is sent once more") {
  for (const bool go_away : {true, false}) {
    Alone alone;
    Told told;
    Call& call = alone.start(told, {.method = "POST", .length = std::nullopt});
    call.write("body");
    const Header trailer{"t", "1"};
    call.end({&trailer, 1});
    FramePeer& first = alone.accept();
    alone.until([&] { return first.ended(1); });
    if (go_away)
      first.frame(NGHTTP2_GOAWAY, 0, 0, std::string(8, '\0'));
    else
      first.reset(1, NGHTTP2_REFUSED_STREAM);
    FramePeer& second = go_away ? alone.accept() : first;
    const int32_t id = go_away ? 1 : 3;
    alone.until([&] { return second.ended(id); });
    CHECK(second.body(id) == "body");
    CHECK(second.field(id, "t") == "1");
    CHECK_FALSE(told.over());
    alone.answer(second, id, "done");
    alone.until([&] { return told.done; });
    CHECK(told.body == "done");
  }
}

TEST_CASE("a call that is refused twice fails as not sent, one that is reset otherwise as sent") {
  Alone alone;
  Told refused;
  Told broken;
  alone.start(refused);
  FramePeer& peer = alone.accept();
  alone.until([&] { return peer.ended(1); });
  peer.reset(1, NGHTTP2_REFUSED_STREAM);
  alone.until([&] { return peer.ended(3); });
  peer.reset(3, NGHTTP2_REFUSED_STREAM);
  alone.until([&] { return refused.over(); });
  REQUIRE(refused.error);
  CHECK(refused.error->error.code == Code::unavailable);
  CHECK_FALSE(refused.error->sent);
  alone.start(broken);
  alone.until([&] { return peer.ended(5); });
  peer.reset(5, NGHTTP2_INTERNAL_ERROR);
  alone.until([&] { return broken.over(); });
  REQUIRE(broken.error);
  CHECK(broken.error->sent);
}

TEST_CASE("calls below the last stream of a GOAWAY are finished, and new ones go elsewhere") {
  Alone alone;
  Told kept;
  Told next;
  alone.start(kept);
  FramePeer& first = alone.accept();
  alone.until([&] { return first.ended(1); });
  first.frame(NGHTTP2_GOAWAY, 0, 0, number_text(1) + number_text(0));
  some_turns(alone.reactor);
  alone.start(next);
  FramePeer& second = alone.accept();
  alone.until([&] { return second.ended(1); });
  alone.answer(second, 1, "new");
  alone.answer(first, 1, "old");
  alone.until([&] { return kept.done && next.done; });
  CHECK(kept.body == "old");
  CHECK(next.body == "new");
  alone.until([&] { return first.poll(); });
}

TEST_CASE("a stale connection costs one silent retry, a connection that broke while answering an error") {
  Alone alone;
  Told warm;
  alone.start(warm);
  FramePeer& first = alone.accept();
  alone.until([&] { return first.ended(1); });
  alone.answer(first, 1, "ok");
  alone.until([&] { return warm.done; });
  Told stale;
  alone.start(stale, {.method = "POST", .length = 4}).write("body");
  alone.until([&] { return first.body(3) == "body"; });
  stale.call->end();
  first.close();
  FramePeer& second = alone.accept();
  alone.until([&] { return second.ended(1); });
  CHECK(second.body(1) == "body");
  second.headers(1, {{":status", "200"}}, false);
  alone.until([&] { return stale.status == 200; });
  Told waiting;
  alone.start(waiting);
  alone.until([&] { return second.ended(3); });
  second.data(1, "part");  // it is alive, and has the second call
  alone.until([&] { return stale.body == "part"; });
  second.close();
  alone.until([&] { return stale.over() && waiting.over(); });
  REQUIRE(stale.error);
  CHECK(stale.error->error.code == Code::unavailable);
  CHECK(stale.error->sent);
  REQUIRE(waiting.error);
  CHECK(waiting.error->sent);
}

TEST_CASE("a server that says nothing is asked by PING, and given up") {
  Alone alone({.http2 = {.ping_after = 30ms, .ping_timeout = 40ms}});
  Told told;
  alone.start(told);
  FramePeer& peer = alone.accept();
  alone.until([&] { return peer.find(NGHTTP2_PING, 0) != nullptr; });
  peer.frame(NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, peer.find(NGHTTP2_PING, 0)->payload);
  alone.until([&] { return peer.find(NGHTTP2_PING, 0, 1) != nullptr; });
  CHECK_FALSE(told.over());
  alone.until([&] { return told.over(); });
  REQUIRE(told.error);
  CHECK(told.error->error.code == Code::unavailable);
  CHECK(told.error->sent);
  CHECK(peer.count(NGHTTP2_PING) == 2);
}

TEST_CASE("connections that cannot be made, or are not HTTP/2, fail their calls") {
  Reactor reactor;
  Client client(reactor, {.http2 = {}});
  SocketAddress closed;
  {
    RawServer server;
    closed = server.address;
  }
  Told told;
  client.start(http2_at(closed), {.deadline = reactor.fresh_now() + 5s}, told);
  CHECK_FALSE(told.over());
  turn_until(reactor, [&] { return told.over(); });
  REQUIRE(told.error);
  CHECK(told.error->error.code == Code::unavailable);
  CHECK_FALSE(told.error->sent);

  RawServer server;
  Told confused;
  client.start(http2_at(server.address), {.deadline = reactor.fresh_now() + 5s}, confused);
  int fd = -1;
  turn_until(reactor, [&] { return fd >= 0 || (fd = ::accept(server.fd, nullptr, nullptr)) >= 0; });
  const std::string_view answer = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
  REQUIRE(::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL) > 0);
  turn_until(reactor, [&] { return confused.over(); });
  REQUIRE(confused.error);
  CHECK(confused.error->error.code == Code::invalid);
  ::close(fd);
}

TEST_CASE("answers with too long heads, too many interim answers or a pushed stream are refused") {
  Alone alone({.head_bytes = 1000});
  Told long_head;
  Told interim;
  Told pushed;
  alone.start(long_head);
  FramePeer& peer = alone.accept();
  alone.until([&] { return peer.ended(1); });
  peer.headers(1, {{":status", "200"}, {"x", std::string(2000, 'x')}});
  alone.until([&] { return long_head.over(); });
  REQUIRE(long_head.error);
  CHECK(long_head.error->error.code == Code::invalid);
  alone.start(interim);
  alone.until([&] { return peer.ended(3); });
  for (int i = 0; i < 10; ++i) peer.headers(3, {{":status", "103"}}, false);
  alone.until([&] { return interim.over(); });
  REQUIRE(interim.error);
  CHECK(interim.error->error.code == Code::invalid);
  alone.start(pushed);
  alone.until([&] { return peer.ended(5); });
  peer.frame(NGHTTP2_PUSH_PROMISE, NGHTTP2_FLAG_END_HEADERS, 5, number_text(2) + peer.block(FramePeer::get()));
  alone.until([&] { return pushed.over(); });
  CHECK(pushed.error);
}

TEST_CASE("who asked whether a body may come is told so, of 100 Continue alone") {
  Alone alone;
  Told told;
  const Header expect("Expect", "100-continue");
  Call& call = alone.start(told, {.method = "POST", .headers = {&expect, 1}, .length = 5});
  FramePeer& peer = alone.accept();
  alone.until([&] { return peer.field(1, "expect") == "100-continue"; });
  peer.headers(1, {{":status", "103"}}, false);
  peer.headers(1, {{":status", "100"}}, false);
  alone.until([&] { return told.continued != 0; });
  call.write("hello");
  call.end();
  alone.until([&] { return peer.ended(1); });
  CHECK(peer.body(1) == "hello");
  alone.answer(peer, 1, "taken");
  alone.until([&] { return told.over(); });
  CHECK(told.body == "taken");
  CHECK(told.continued == 1);
}

TEST_CASE("endpoints that differ in protocol or name do not share connections") {
  Both both;
  Told one;
  Told two;
  Told three;
  const Time deadline = both.world.reactor.fresh_now() + 5s;
  both.start(one);
  Endpoint named = http2_at(both.world.address);
  named.name = "barrio.example";
  both.client.start(named, {.deadline = deadline}, two);
  both.client.start(both.world.address, {.deadline = deadline}, three);
  both.world.until([&] { return one.done && two.done && three.done; });
  CHECK(both.world.server->connections() == 3);
  std::vector<std::string> hosts;
  for (const Seen& seen : both.world.recorder.seen) hosts.emplace_back(*find_header(seen.headers, "host"));
  CHECK(std::ranges::count(hosts, "barrio.example") == 1);
}

TEST_CASE("an idle connection is closed after its time") {
  Both both({}, {.idle_timeout = 30ms});
  Told told;
  both.start(told);
  both.world.until([&] { return told.done; });
  CHECK(both.world.server->connections() == 1);
  both.world.until([&] { return both.world.server->connections() == 0; });
}

TEST_CASE("a server that drains under load loses no call") {
  Both both;
  auto next = std::make_unique<Server>(both.world.reactor, ServerLimits{}, both.world.recorder);
  std::deque<Told> told(200);
  for (size_t i = 0; i < told.size(); ++i) {
    both.start(told[i], {.method = "POST", .length = 4}).write("body");
    told[i].call->end();
    if (i % 10 == 0) both.world.reactor.turn(0ns);
    if (i == 100) {
      both.world.server->drain();
      REQUIRE(next->listen(both.world.address));
    }
  }
  both.world.until([&] { return std::all_of(told.begin(), told.end(), [](const Told& one) { return one.over(); }); });
  for (const Told& one : told) CHECK(one.body == "ok");
  CHECK(both.world.recorder.all_closed(200));
}

}  // namespace
}  // namespace barrio::net::client_http2_test
