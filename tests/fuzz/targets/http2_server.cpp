// HTTP/2 on a whole net::Server: any bytes after a client's preface, in any pieces, to a handler that echoes. It
// neither crashes nor hangs, sends nothing but whole frames, and each exchange is over once and sees its calls in
// order.

#include <unordered_map>

#include "base/check.h"
#include "http1_transcript.h"
#include "local_stream.h"
#include "net/server.h"
#include "target.h"

namespace barrio::fuzz {

namespace {

using namespace net;

constexpr std::string_view preface("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);

/// Echoes bodies and trailers; "/early" is answered before its body, "/pause" waits at first.
struct Echo final : ExchangeHandler {
  struct Seen {
    bool ended = false;
    bool trailers = false;
    std::string body;
  };
  std::unordered_map<Exchange*, Seen> open;

  void on_head(Exchange& exchange) override {
    CHECK(open.emplace(&exchange, Seen{}).second);
    const RequestHead& head = exchange.request();
    CHECK(head.major_version == 2 && !head.method.empty() && !head.path.empty());
    for (const Header& header : head.headers) CHECK(!header.name.starts_with(':'));
    if (head.path == "/early") exchange.reply(403, {}, "no");
    if (head.path == "/pause") exchange.pause();
  }
  void on_body(Exchange& exchange, std::string_view piece) override {
    Seen& seen = open.at(&exchange);
    CHECK(!piece.empty() && !seen.ended && !seen.trailers);
    seen.body.append(piece);
  }
  void on_trailers(Exchange& exchange, std::span<const Header> trailers) override {
    Seen& seen = open.at(&exchange);
    CHECK(!trailers.empty() && !seen.ended && !seen.trailers);
    seen.trailers = true;
  }
  void on_end(Exchange& exchange) override {
    Seen& seen = open.at(&exchange);
    CHECK(!seen.ended);
    seen.ended = true;
    const auto length = exchange.request().content_length;
    CHECK(!length || *length == seen.body.size());
    const Header trailers[] = {{"checksum", "1"}};
    exchange.begin(200, {}, std::nullopt);
    exchange.write(seen.body);
    exchange.end(trailers);
  }
  void on_writable(Exchange&) override {}
  void on_closed(Exchange& exchange, bool) override { CHECK(open.erase(&exchange) == 1); }
};

struct World {
  Reactor reactor;
  Echo echo;
  Server server{reactor, {.body_bytes = 1024 * 1024}, echo};
  SocketAddress address = local_address("http2");
  World() { CHECK(server.listen(address).has_value()); }

  void resume_all() {
    std::vector<Exchange*> waiting;
    for (const auto& [exchange, seen] : echo.open) waiting.push_back(exchange);
    for (Exchange* exchange : waiting) exchange->resume();
  }
  void turn_until(const std::function<bool()>& done) {
    for (int turns = 0; !done(); ++turns) {
      CHECK(turns < 2000);  // it hangs
      reactor.turn(1ms);
    }
  }
};

/// What a server sends: SETTINGS first, then frames no longer than was allowed. The last may be cut.
void check_frames(std::string_view text) {
  constexpr size_t head_size = 9;
  constexpr size_t most = 16 * 1024;
  for (bool first = true; text.size() >= head_size; first = false) {
    const auto byte = [&](size_t i) { return static_cast<size_t>(static_cast<unsigned char>(text[i])); };
    const size_t length = byte(0) << 16 | byte(1) << 8 | byte(2);
    CHECK(length <= most);
    CHECK(byte(3) <= 9);
    if (first) CHECK(byte(3) == 4);
    text.remove_prefix(std::min(text.size(), head_size + length));
  }
}

}  // namespace

void run_target(std::string_view input) {
  static auto* world = new World;  // closed with the process
  {
    LocalStream client = LocalStream::connect(world->address);
    Split split = Split::random(seed_of(input));
    bool gone = !client.send(preface);
    while (!gone && !input.empty()) {
      const std::string_view piece = input.substr(0, split.next(input.size()));
      input.remove_prefix(piece.size());
      gone = !client.send(piece);
      world->reactor.turn(0ns);
      client.poll();
    }
    world->resume_all();
    world->reactor.turn(0ns);
    client.end_sending();
    world->turn_until([&] { return client.poll(); });
    check_frames(client.received());
  }
  world->turn_until([&] { return world->server.connections() == 0; });
  CHECK(world->echo.open.empty());
}

}  // namespace barrio::fuzz
