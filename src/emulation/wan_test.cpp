#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/yaml.h"
#include "emulation/wan.h"
#include "net/client.h"
#include "net/server.h"

namespace barrio::emulation::wan_test {
namespace {

net::SocketAddress any_port() {
  return *net::SocketAddress::parse("127.0.0.1:0");
}

struct World {
  World() {
    target = *server.listen(any_port());
    relay = std::make_unique<WanRelay>(
        reactor,
        WanConfig{
            .listen_from = "127.0.0.1",
            .links = {{.listen = any_port(), .to = target, .one_way = 5ms, .jitter = 1ms, .device = "10.77.0.3"}}});
    REQUIRE(relay->start());
  }
  void until(const std::function<bool()>& done) {
    const Time limit = reactor.fresh_now() + 5s;
    while (!done() && reactor.now() < limit) reactor.turn(10ms);
    REQUIRE(done());
  }
  Result<net::Response> call(std::string body) {
    std::optional<Result<net::Response>> answer;
    const Time begin = reactor.fresh_now();
    client.fetch(relay->addresses()[0], {.method = "POST", .body = std::move(body)}, begin + 4s,
                 [&](Result<net::Response> result) { answer = std::move(result); });
    until([&] { return answer.has_value(); });
    took = reactor.fresh_now() - begin;
    return std::move(*answer);
  }

  net::Reactor reactor;
  std::string device;
  net::MessageServer server{
      reactor, {.proxy_peers = {"127.0.0.1"}}, [this](net::Request request, net::Responder respond) {
        device = request.peer_ip;
        respond({.body = std::move(request.body)});
      }};
  net::SocketAddress target;
  std::unique_ptr<WanRelay> relay;
  net::Client client{reactor, {}};
  Duration took{};
};

TEST_CASE("a first exchange takes two round trips at least, the next ones one, and the device is named") {
  World world;
  const auto first = world.call("one");
  REQUIRE(first);
  CHECK(first->body == "one");
  CHECK(world.took >= 20ms);
  CHECK(world.device == "10.77.0.3");
  REQUIRE(world.call("two"));
  CHECK(world.took >= 10ms);
}

TEST_CASE("many bytes arrive intact and in order, though little is held at a time") {
  World world;
  std::string body;
  for (int i = 0; body.size() < 2'000'000; ++i) body += std::to_string(i) + ",";
  const auto answer = world.call(body);
  REQUIRE(answer);
  CHECK(answer->body == body);
}

TEST_CASE("an end of one direction is passed on, and the other direction goes on") {
  World world;
  const auto address = world.relay->addresses()[0];
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(::connect(fd, address.native(), address.native_length()) == 0);
  const std::string request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  REQUIRE(::send(fd, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size()));
  ::shutdown(fd, SHUT_WR);
  std::string text;
  ssize_t got = -1;
  world.until([&] {
    char buffer[4096];
    while ((got = ::recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT)) > 0) text.append(buffer, static_cast<size_t>(got));
    return got == 0;
  });
  ::close(fd);
  CHECK(text.starts_with("HTTP/1.1 200 OK"));
  world.until([&] { return world.relay->connections() == 0; });
}

TEST_CASE("a target that refuses ends the client's connection after one round trip") {
  World world;
  world.server.drain();
  const auto answer = world.call("x");
  REQUIRE_FALSE(answer);
  CHECK(answer.error().code == Code::unavailable);
  CHECK(world.took >= 10ms);
  world.until([&] { return world.relay->connections() == 0; });
}

TEST_CASE("a configuration is read from YAML, and its errors name the line") {
  const std::string text =
      "listen_from: 127.0.0.1\nlinks:\n  - {listen: '127.0.0.1:0', to: '127.0.0.1:9', one_way: 4.2ms, jitter: 0.3ms, "
      "device: 10.77.0.3}\n";
  const auto config = from_yaml<WanConfig>(text, "wan.yaml");
  REQUIRE(config);
  CHECK(config->links[0].one_way == 4200us);
  CHECK(config->links[0].jitter == 300us);
  const auto bad =
      from_yaml<WanConfig>(text + "  - {listen: 'x', to: '127.0.0.1:9', one_way: 1ms, device: 10.0.0.1}\n", "wan.yaml");
  REQUIRE_FALSE(bad);
  CHECK(bad.error().where.find("wan.yaml:4") != std::string::npos);
}

}  // namespace
}  // namespace barrio::emulation::wan_test
