// HTTP/2 of a whole net::Client, whose server sends any bytes: each call ends once, with a body of the length that was
// announced, or with an error.

#include "base/check.h"
#include "http1_transcript.h"
#include "local_stream.h"
#include "net/client.h"
#include "target.h"

namespace barrio::fuzz {

namespace {

using namespace net;

struct Caller final : CallHandler {
  int heads = 0;
  int trailers = 0;
  int ends = 0;

  void on_head(const ResponseHead& head) override {
    CHECK(ends == 0 && heads++ == 0);
    CHECK(head.status >= 200 && head.status <= 999 && head.major_version == 2);
  }
  void on_body(std::string_view piece) override { CHECK(heads == 1 && ends == 0 && trailers == 0 && !piece.empty()); }
  void on_trailers(std::span<const Header> fields) override {
    CHECK(heads == 1 && ends == 0 && trailers++ == 0 && !fields.empty());
  }
  void on_done() override { CHECK(heads == 1 && ends++ == 0); }
  void on_error(CallError) override { CHECK(ends++ == 0); }
  void on_writable() override {}
};

}  // namespace

void run_target(std::string_view input) {
  static auto* listener = new LocalListener("http2-origin");
  static auto* reactor = new Reactor;
  Client client(*reactor, {});
  Endpoint endpoint = listener->address();
  endpoint.protocol = Protocol::http2;
  Caller callers[2];
  // A call that was not sent when the connection ended is tried on another one, which nobody answers.
  const Time deadline = reactor->fresh_now() + 2ms;
  client.start(endpoint, {.method = "GET", .deadline = deadline}, callers[0]);
  Call& post = client.start(endpoint, {.method = "POST", .length = std::nullopt, .deadline = deadline}, callers[1]);
  post.write("body");
  post.end();
  LocalStream server = listener->accept();
  Split split = Split::random(seed_of(input));
  while (!input.empty()) {
    const std::string_view piece = input.substr(0, split.next(input.size()));
    input.remove_prefix(piece.size());
    if (!server.send(piece)) break;
    reactor->turn(0ns);
    server.poll();
  }
  server.close();
  for (int turns = 0; callers[0].ends + callers[1].ends < 2; ++turns) {
    CHECK(turns < 2000);  // it hangs
    reactor->turn(1ms);
  }
  reactor->turn(0ns);
  CHECK(callers[0].ends == 1 && callers[1].ends == 1);
}

}  // namespace barrio::fuzz
