#include <doctest/doctest.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/client.h"
#include "net/reactor.h"
#include "net/server.h"

namespace barrio::net::server_client_test {
namespace {

/// Turns the loop until `done`, or fails the test after five seconds.
void turn_until(Reactor& reactor, const std::function<bool()>& done) {
  const Time limit = reactor.fresh_now() + 5s;
  while (!done() && reactor.now() < limit) reactor.turn(100ms);
  REQUIRE(done());
}

SocketAddress any_port() {
  return *SocketAddress::parse("127.0.0.1:0");
}

struct UnixPath {
  UnixPath() {
    char folder[] = "/tmp/barrio-net-XXXXXX";
    REQUIRE(::mkdtemp(folder) != nullptr);
    directory = folder;
    address = *SocketAddress::parse("unix:" + directory + "/s");
  }
  ~UnixPath() {
    ::unlink((directory + "/s").c_str());
    ::rmdir(directory.c_str());
  }
  std::string directory;
  SocketAddress address;
};

Result<Response> fetch(Reactor& reactor, Client& client, const SocketAddress& address, Request request) {
  std::optional<Result<Response>> answer;
  client.fetch(address, std::move(request), reactor.fresh_now() + 3s,
               [&](Result<Response> result) { answer = std::move(result); });
  turn_until(reactor, [&] { return answer.has_value(); });
  return std::move(*answer);
}

void echo(Request request, Responder respond) {
  Response response;
  response.headers = {{"X-Method", request.method}, {"X-Target", request.target}};
  response.body = std::move(request.body);
  respond(std::move(response));
}

TEST_CASE("whole messages travel both ways over TCP and Unix sockets, in every size") {
  Reactor reactor;
  MessageServer server(reactor, {}, echo);
  Client client(reactor, {});
  UnixPath path;
  for (const SocketAddress& listen : {any_port(), path.address}) {
    const auto address = server.listen(listen);
    REQUIRE(address);
    for (const size_t size : {0, 1, 1000, 65536, 3'000'000}) {
      const std::string body(size, 'x');
      const auto answer = fetch(reactor, client, *address, {.method = "POST", .target = "/a?b=c", .body = body});
      INFO(size, " ", listen.str(), " ", answer ? "" : answer.error().text());
      REQUIRE(answer);
      CHECK(answer->status == 200);
      CHECK(answer->body == body);
      CHECK(find_header(answer->headers, "x-target") == "/a?b=c");
    }
  }
}

TEST_CASE("connections are pooled and used again") {
  Reactor reactor;
  Client client(reactor, {});
  struct Counter final : ExchangeHandler {
    void on_head(Exchange&) override {}
    void on_body(Exchange&, std::string_view) override {}
    void on_end(Exchange& exchange) override { exchange.reply(200, {}, "ok"); }
    void on_writable(Exchange&) override {}
    void on_closed(Exchange&, bool) override {}
  } counter;
  Server server(reactor, {}, counter);
  const auto address = *server.listen(any_port());
  for (int i = 0; i < 3; ++i) REQUIRE(fetch(reactor, client, address, {}));
  CHECK(server.connections() == 1);
}

TEST_CASE("a call on a pooled connection that the server has closed is sent once more") {
  Reactor reactor;
  UnixPath path;
  Client client(reactor, {});
  // The server runs on a loop of its own, so that its end is not noticed before the next call is written.
  auto other = std::make_unique<Reactor>();
  auto server = std::make_unique<MessageServer>(*other, ServerLimits{}, echo);
  REQUIRE(server->listen(path.address));
  std::optional<Result<Response>> answer;
  auto begin = [&] {
    answer.reset();
    client.fetch(path.address, {.method = "POST", .body = "again"}, reactor.fresh_now() + 3s,
                 [&](Result<Response> result) { answer = std::move(result); });
  };
  auto finish = [&] {
    for (int i = 0; i < 1000 && !answer; ++i) {
      if (other) other->turn(1ms);
      reactor.turn(1ms);
    }
    REQUIRE(answer);
  };
  begin();
  finish();
  REQUIRE(*answer);
  server.reset();
  server = std::make_unique<MessageServer>(*other, ServerLimits{}, echo);
  REQUIRE(server->listen(path.address));
  begin();
  finish();
  REQUIRE(*answer);
  CHECK((*answer)->body == "again");
  server.reset();
  begin();
  finish();
  REQUIRE_FALSE(*answer);
  CHECK(answer->error().code == Code::unavailable);
}

TEST_CASE("a call without an answer ends at its deadline, and one over the limit at once") {
  Reactor reactor;
  std::vector<Responder> kept;
  MessageServer server(reactor, {}, [&](Request, Responder respond) { kept.push_back(std::move(respond)); });
  const auto address = *server.listen(any_port());
  Client client(reactor, {.connections_per_address = 1});
  std::optional<Result<Response>> slow;
  std::optional<Result<Response>> refused;
  client.fetch(address, {}, reactor.fresh_now() + 30ms, [&](Result<Response> result) { slow = std::move(result); });
  client.fetch(address, {}, reactor.now() + 3s, [&](Result<Response> result) { refused = std::move(result); });
  CHECK_FALSE(refused.has_value());
  turn_until(reactor, [&] { return slow && refused; });
  REQUIRE_FALSE(*slow);
  CHECK(slow->error().code == Code::timed_out);
  REQUIRE_FALSE(*refused);
  CHECK(refused->error().code == Code::exhausted);
}

TEST_CASE("a refused connection is unavailable and was not sent") {
  Reactor reactor;
  Client client(reactor, {});
  SocketAddress address;
  {
    MessageServer server(reactor, {}, echo);
    address = *server.listen(any_port());
  }
  const auto answer = fetch(reactor, client, address, {});
  REQUIRE_FALSE(answer);
  CHECK(answer.error().code == Code::unavailable);
}

TEST_CASE("endpoints that are gone are forgotten, and those in use are not") {
  Reactor reactor;
  MessageServer server(reactor, {}, echo);
  const auto address = server.listen(any_port());
  REQUIRE(address);
  Client client(reactor, {});
  REQUIRE(fetch(reactor, client, *address, {}));
  for (const Protocol protocol : {Protocol::http1, Protocol::http2}) {
    for (int i = 0; i < 500; ++i) {
      Endpoint gone = *SocketAddress::parse("unix:/nowhere/" + std::to_string(i));
      gone.protocol = protocol;
      bool failed = false;
      client.fetch(gone, {}, reactor.fresh_now() + 3s, [&](const Result<Response>& answer) { failed = !answer; });
      turn_until(reactor, [&] { return failed; });
    }
  }
  CHECK(client.endpoints() <= 65);
  CHECK(fetch(reactor, client, *address, {}));
}

/// Sends the body in pieces and keeps it, or forgets it at some point.
struct KeepingCall final : CallHandler {
  void on_head(const ResponseHead& head) override { status = head.status; }
  void on_body(std::string_view piece) override { answer += piece; }
  void on_done() override { over = true; }
  void on_error(CallError error) override {
    over = true;
    sent = error.sent;
  }
  void on_writable() override {}
  std::optional<std::string_view> kept_body() const override {
    return forgotten ? std::nullopt : std::optional<std::string_view>(kept);
  }
  std::string kept;
  bool forgotten = false;
  std::string answer;
  int status = 0;
  bool sent = false;
  bool over = false;
};

TEST_CASE("a stale connection is replaced and the request sent again with the body that its handler keeps") {
  for (const bool forgotten : {false, true}) {
    for (const size_t size : {size_t{10}, size_t{3'000'000}}) {
      Reactor reactor;
      Client client(reactor, {});
      const auto server = std::make_unique<MessageServer>(reactor, ServerLimits{}, echo);
      const auto address = server->listen(any_port());
      REQUIRE(address);
      REQUIRE(fetch(reactor, client, *address, {}));
      // The pooled connection's server goes, and another one is there before the client knows.
      KeepingCall call;
      call.kept.assign(size, 'k');
      call.forgotten = forgotten;
      Call& started = client.start(
          *address, {.method = "POST", .length = size, .deadline = reactor.now() + 5s, .keeps_body = true}, call);
      server->drain();
      MessageServer next(reactor, {}, echo);
      REQUIRE(next.listen(*address));
      started.write(call.kept);
      turn_until(reactor, [&] { return call.over; });
      CHECK(call.status == (forgotten ? 0 : 200));
      CHECK(call.answer.size() == (forgotten ? 0 : size));
    }
  }
}

}  // namespace
}  // namespace barrio::net::server_client_test
