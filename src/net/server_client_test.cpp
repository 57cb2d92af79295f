#include <doctest/doctest.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/client.h"
#include "net/reactor.h"
#include "net/server.h"

namespace barrio::net {
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

}  // namespace
}  // namespace barrio::net
