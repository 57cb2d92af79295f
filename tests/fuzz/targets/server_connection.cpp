// A whole net::Server over a socket: any bytes in, in any pieces, to a handler that echoes. It neither crashes nor
// hangs, answers each request once and in order, and its handler sees nothing but what the parser by itself reads.

#include <unordered_map>

#include "base/check.h"
#include "http1_transcript.h"
#include "local_stream.h"
#include "net/server.h"
#include "target.h"

namespace barrio::fuzz {

namespace {

using namespace net;

/// Echoes bodies; "/early" is answered before its body, "/stream" in chunks. Notes what it saw as read_requests does.
struct Echo final : ExchangeHandler {
  std::string seen;
  std::vector<bool> to_head;  // per exchange begun
  size_t open = 0;
  std::string body;

  void on_head(Exchange& exchange) override {
    CHECK(open == 0);  // one exchange at a time on the one connection
    ++open;
    to_head.push_back(exchange.request().method == "HEAD");
    write_head(exchange.request(), seen);
    body.clear();
    if (exchange.request().path == "/early") exchange.reply(403, {}, "no");
  }
  void on_body(Exchange&, std::string_view piece) override {
    CHECK(open == 1);
    seen.append(piece);
    body.append(piece);
  }
  void on_end(Exchange& exchange) override {
    CHECK(open == 1);
    seen += "|\n";
    if (exchange.request().path != "/stream") return exchange.reply(200, {}, body);
    exchange.begin(200, {}, std::nullopt);
    exchange.write(body);
    exchange.end();
  }
  void on_writable(Exchange&) override {}
  void on_closed(Exchange&, bool) override {
    CHECK(open == 1);
    --open;
  }
};

struct World {
  Reactor reactor;
  Echo echo;
  Server server{reactor, {}, echo};
  SocketAddress address = local_address("server");
  World() { CHECK(server.listen(address).has_value()); }

  void turn_until(const std::function<bool()>& done) {
    for (int turns = 0; !done(); ++turns) {
      CHECK(turns < 2000);  // it hangs
      reactor.turn(1ms);
    }
  }
};

/// The final answers in `text`, which must be nothing but whole answers; the last may be cut by a connection that
/// ended.
size_t count_answers(std::string_view text, const std::vector<bool>& to_head) {
  size_t answers = 0;
  while (!text.empty()) {
    http1::ResponseParser parser({});
    parser.reset(answers < to_head.size() && to_head[answers]);
    text.remove_prefix(parser.feed(text));
    CHECK(parser.failure().status == 0);
    if (!parser.complete()) return answers;
    if (parser.head().status == 100) continue;
    http1::BodyReader body;
    body.reset(parser.framing(), parser.head().content_length.value_or(0));
    while (!text.empty() && !body.done()) text.remove_prefix(body.step(text).consumed);
    CHECK(body.failure() == nullptr);
    ++answers;
    const auto connection = find_header(parser.head().headers, "connection");
    CHECK(text.empty() || connection != "close");
  }
  return answers;
}

}  // namespace

void run_target(std::string_view input) {
  static auto* world = new World;  // closed with the process
  Echo& echo = world->echo;
  echo.seen.clear();
  echo.to_head.clear();
  {
    LocalStream client = LocalStream::connect(world->address);
    Split split = Split::random(seed_of(input));
    for (std::string_view left = input; !left.empty();) {
      const std::string_view piece = left.substr(0, split.next(left.size()));
      left.remove_prefix(piece.size());
      if (!client.send(piece)) break;
      world->reactor.turn(0ns);
      client.poll();
    }
    client.end_sending();
    world->turn_until([&] { return client.poll(); });
    // An exchange has one answer at most; what was no request has one more, after which the connection ends.
    CHECK(count_answers(client.received(), echo.to_head) <= echo.to_head.size() + 1);
  }
  world->turn_until([&] { return world->server.connections() == 0; });
  CHECK(echo.open == 0);
  const Requests alone = read_requests(input, Split::whole());
  CHECK(alone.text.starts_with(echo.seen) || echo.seen.find(" /early ") != std::string::npos);
}

}  // namespace barrio::fuzz
