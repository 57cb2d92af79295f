// Bytes that the kernel sends from a file, in the midst of what it is handed otherwise.

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <cstring>
#include <functional>

#include "base/shared_pages.h"
#include "net/raw_client_test.h"
#include "net/reactor.h"
#include "net/server.h"

namespace barrio::net::server_shared_test {
namespace {

constexpr size_t block_bytes = 1024 * 1024;

/// No two pages alike.
std::string pattern(size_t size) {
  std::string text(size, '\0');
  for (size_t i = 0; i + 8 <= size; i += 8) std::memcpy(text.data() + i, &i, 8);
  return text;
}

/// Answers each request with a block's bytes `copies` times, each begun when the one before it was taken.
struct Sender final : ExchangeHandler {
  void on_head(Exchange&) override {}
  void on_body(Exchange&, std::string_view) override {}
  void on_end(Exchange& exchange) override {
    total = copies * content.size();
    written = 0;
    exchange.begin(200, {}, chunked ? std::optional<uint64_t>() : total);
    go_on(exchange);
  }
  void on_writable(Exchange& exchange) override {
    ++writable;
    go_on(exchange);
  }
  void on_closed(Exchange&, bool was_aborted) override {
    ++closed;
    aborted = was_aborted;
  }
  void go_on(Exchange& exchange) {
    while (written < total) {
      const size_t from = written % content.size();
      FilePlace place = *block->place();
      place.offset += from;
      size_t taken = 0;
      const bool more = exchange.write_shared(block->bytes().substr(from), place, taken);
      written += taken;
      if (!more) return;
    }
    exchange.end();
  }

  const std::string content = pattern(block_bytes);
  const std::shared_ptr<SharedPages> pages = std::make_shared<SharedPages>(block_bytes);
  const std::unique_ptr<SharedPages::Block> block = [this] {
    auto one = pages->take(block_bytes);
    std::memcpy(one->data(), content.data(), content.size());
    return one;
  }();
  size_t copies = 1;
  bool chunked = false;
  size_t total = 0;
  size_t written = 0;
  int writable = 0;
  int closed = 0;
  bool aborted = false;
};

struct World {
  explicit World(ServerLimits limits = {}) : server(reactor, std::move(limits), sender) {
    address = *server.listen(*SocketAddress::parse("127.0.0.1:0"));
  }
  void until(const std::function<bool()>& done) {
    const Time limit = reactor.fresh_now() + 10s;
    while (!done() && reactor.now() < limit) reactor.turn(10ms);
    REQUIRE(done());
  }
  Reactor reactor;
  Sender sender;
  Server server;
  SocketAddress address;
};

const std::string get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

std::string body_of(const std::string& answer) {
  const size_t end = answer.find("\r\n\r\n");
  return end == std::string::npos ? "" : answer.substr(end + 4);
}

TEST_CASE("what stands in a file arrives as it is, and the connection goes on") {
  World world;
  test::RawClient client(world.address);
  for (int i = 1; i <= 2; ++i) {
    const size_t before = client.text().size();
    REQUIRE(client.send(get));
    world.until([&] {
      client.poll();
      return world.sender.closed == i && body_of(client.text().substr(before)).size() == block_bytes;
    });
    CHECK(body_of(client.text().substr(before)) == world.sender.content);
    CHECK(!world.sender.aborted);
  }
}

TEST_CASE("a client that does not read makes it wait, and then gets all of it in order") {
  World world;
  world.sender.copies = 24;
  test::RawClient client(world.address);
  REQUIRE(client.send(get));
  world.until([&] { return world.sender.written > 0; });
  for (int i = 0; i < 20; ++i) world.reactor.turn(1ms);
  const size_t taken = world.sender.written;
  CHECK(taken < world.sender.total);
  CHECK(world.sender.writable <= 20);  // told when there is room, and not again and again
  world.until([&] {
    client.poll();
    return world.sender.closed == 1;
  });
  client.poll();
  CHECK(world.sender.writable > 0);
  CHECK(!world.sender.aborted);
  const std::string body = body_of(client.text());
  REQUIRE(body.size() == world.sender.total);
  for (size_t at = 0; at < body.size(); at += block_bytes)
    CHECK(body.compare(at, block_bytes, world.sender.content) == 0);
}

TEST_CASE("one that never reads is dropped in the end") {
  World world({.write_timeout = 50ms});
  world.sender.copies = 24;
  test::RawClient client(world.address);
  REQUIRE(client.send(get));
  world.until([&] { return world.sender.closed == 1; });
  CHECK(world.sender.aborted);
  CHECK(world.sender.written < world.sender.total);
  world.until([&] { return world.server.connections() == 0; });
}

TEST_CASE("a client that goes away in the midst of it ends it") {
  World world;
  world.sender.copies = 24;
  test::RawClient client(world.address);
  REQUIRE(client.send(get));
  world.until([&] { return world.sender.written > 0; });
  client.reset();
  world.until([&] { return world.sender.closed == 1; });
  CHECK(world.sender.aborted);
}

TEST_CASE("in chunks it is written like anything else") {
  World world;
  world.sender.chunked = true;
  test::RawClient client(world.address);
  REQUIRE(client.send(get));
  world.until([&] {
    client.poll();
    return world.sender.closed == 1;
  });
  client.poll();
  CHECK(client.text().find("Transfer-Encoding: chunked") != std::string::npos);
  CHECK(client.text().size() > block_bytes);
  CHECK(!world.sender.aborted);
}

}  // namespace
}  // namespace barrio::net::server_shared_test
