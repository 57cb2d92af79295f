// Request smuggling: what two readers could take for different requests is refused, the connection ends, and what
// follows on it is never a request. The shapes, with the clauses that they are about, are in smuggling_shapes_test.cpp.

#include <doctest/doctest.h>

#include <functional>

#include "net/raw_client_test.h"
#include "net/reactor.h"
#include "net/server.h"
#include "net/smuggling_shapes_test.h"

namespace barrio::net::smuggling_test {
namespace {

using test::RawClient;

/// Writes down what it is asked, and answers when all of it has come.
struct Recorder final : ExchangeHandler {
  std::string seen;
  int begun = 0;
  int closed = 0;

  void on_head(Exchange& exchange) override {
    ++begun;
    seen.append(exchange.request().method).append(" ").append(exchange.request().target).append(" [");
  }
  void on_body(Exchange&, std::string_view piece) override { seen.append(piece); }
  void on_end(Exchange& exchange) override {
    seen += "]";
    exchange.reply(200, {}, "");
  }
  void on_writable(Exchange&) override {}
  void on_closed(Exchange&, bool) override { ++closed; }
};

struct World {
  Reactor reactor;
  Recorder recorder;
  Server server{reactor, {}, recorder};
  SocketAddress address = *server.listen(*SocketAddress::parse("127.0.0.1:0"));

  void until(const std::function<bool()>& done) {
    const Time limit = reactor.fresh_now() + 5s;
    while (!done() && reactor.now() < limit) reactor.turn(1ms);
    REQUIRE(done());
  }
};

/// The status of each final answer.
std::string statuses(std::string_view text) {
  std::string found;
  for (size_t at = text.find("HTTP/1.1 "); at != std::string_view::npos; at = text.find("HTTP/1.1 ", at + 1)) {
    const std::string_view status = text.substr(at + 9, 3);
    const bool digits = status.find_first_not_of("0123456789") == std::string_view::npos;  // else a text about versions
    if (digits && status != "100") found.append(status).append(" ");
  }
  return found;
}

/// Sends, in pieces of `step` bytes with a turn of the loop between them, and waits for the server to end the
/// connection.
std::string answers(World& world, std::string_view bytes, size_t step) {
  RawClient client(world.address);
  REQUIRE(client.connected());
  for (std::string_view left = bytes; !left.empty(); left.remove_prefix(std::min(step, left.size()))) {
    if (!client.send(left.substr(0, step))) break;
    if (step < bytes.size()) world.reactor.turn(0ns);
  }
  world.until([&] { return client.poll(); });
  CHECK(client.text().find("Connection: close\r\n") != std::string::npos);
  return statuses(client.text());
}

TEST_CASE("what could be read in two ways is refused, and nothing after it is a request") {
  for (const test::Refused& shape : test::refused_shapes()) {
    // The huge ones would take thousands of turns byte by byte.
    for (const size_t step : {size_t{1} << 20, shape.bytes.size() > 1000 ? size_t{997} : size_t{1}}) {
      World world;
      INFO(std::string(shape.name), ", in pieces of ", step);
      CHECK(answers(world, shape.bytes + std::string(test::follower), step) == std::to_string(shape.status) + " ");
      CHECK(world.recorder.begun == (shape.in_body ? 1 : 0));
      CHECK(world.recorder.seen.find("/smuggled") == std::string::npos);
      world.until([&] { return world.server.connections() == 0; });
      CHECK(world.recorder.closed == world.recorder.begun);
    }
  }
}

TEST_CASE("a refused request after a good one is refused like the first, and the good one is answered") {
  const std::string good = "POST /good HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok";
  for (const test::Refused& shape : test::refused_shapes()) {
    World world;
    INFO(std::string(shape.name));
    CHECK(answers(world, good + shape.bytes + std::string(test::follower), size_t{1} << 20) ==
          "200 " + std::to_string(shape.status) + " ");
    CHECK(world.recorder.seen.starts_with("POST /good [ok]"));
    CHECK(world.recorder.seen.find("/smuggled") == std::string::npos);
  }
}

TEST_CASE("what can be read in one way only is read so, and the next request after it") {
  const std::string last = "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  for (const test::Accepted& shape : test::accepted_shapes()) {
    for (const size_t step : {size_t{1} << 20, size_t{1}}) {
      World world;
      INFO(std::string(shape.name), ", in pieces of ", step);
      const std::string got = answers(world, shape.bytes + last, step);
      CHECK(world.recorder.seen == shape.read + (shape.ends ? "" : "GET /last []"));
      CHECK(got.find_first_not_of("20 ") == std::string::npos);
      CHECK(got.size() == 4 * static_cast<size_t>(world.recorder.begun));
    }
  }
}

}  // namespace
}  // namespace barrio::net::smuggling_test
