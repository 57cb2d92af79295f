// A whole net::Client over a socket, whose server answers with any bytes: each call ends once, with a body of the
// length that was announced, or with an error.

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
  int ends = 0;
  bool failed = false;
  bool to_head = false;
  std::optional<uint64_t> length;
  uint64_t received = 0;

  void on_head(const ResponseHead& head) override {
    CHECK(ends == 0 && heads++ == 0);
    CHECK(head.status >= 200 && head.status <= 599);
    if (head.has_body) length = head.content_length;
    CHECK(!to_head || !head.has_body);
  }
  void on_body(std::string_view piece) override {
    CHECK(heads == 1 && ends == 0 && !piece.empty());
    received += piece.size();
    CHECK(received <= length.value_or(received));
  }
  void on_done() override {
    CHECK(heads == 1 && ends++ == 0);
    CHECK(received == length.value_or(received));
  }
  void on_error(CallError error) override {
    CHECK(ends++ == 0);
    CHECK(error.error.code == Code::invalid || error.error.code == Code::unavailable);
    failed = true;
  }
  void on_writable() override {}
};

void call(std::string_view method, std::string_view answer) {
  static auto* listener = new LocalListener("origin");
  static auto* reactor = new Reactor;
  Client client(*reactor, {});
  Caller caller;
  caller.to_head = method == "HEAD";
  client.start(listener->address(), {.method = method, .deadline = reactor->fresh_now() + 10s}, caller);
  LocalStream server = listener->accept();
  Split split = Split::random(seed_of(answer));
  while (!answer.empty() && caller.ends == 0) {
    const std::string_view piece = answer.substr(0, split.next(answer.size()));
    answer.remove_prefix(piece.size());
    if (!server.send(piece)) break;
    reactor->turn(0ns);
  }
  server.close();
  for (int turns = 0; caller.ends == 0; ++turns) {
    CHECK(turns < 2000);  // it hangs
    reactor->turn(1ms);
  }
  reactor->turn(0ns);
  CHECK(caller.ends == 1);
}

}  // namespace

void run_target(std::string_view input) {
  call("GET", input);
  call("HEAD", input);
}

}  // namespace barrio::fuzz
