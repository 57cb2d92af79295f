// A server on net::Server that says in the field X-Seen what it read each request as, for differential.py.
// Usage: barrio_echo ADDRESS: listens until its input ends. barrio_echo --shapes: prints the table of
// net/smuggling_shapes_test.h, a line each: refused|accepted, the bytes in hexadecimal, the name.

#include <sys/epoll.h>
#include <unistd.h>

#include <cstdio>

#include "base/check.h"
#include "base/text.h"
#include "net/reactor.h"
#include "net/server.h"
#include "net/smuggling_shapes_test.h"

namespace {

using namespace barrio;

std::string hex(std::string_view text) {
  return to_hex({reinterpret_cast<const unsigned char*>(text.data()), text.size()});
}

struct Echo final : net::ExchangeHandler {
  std::vector<std::unique_ptr<std::string>> bodies;  // of the exchanges that are open

  void on_head(net::Exchange& exchange) override {
    bodies.push_back(std::make_unique<std::string>());
    exchange.context = bodies.back().get();
  }
  void on_body(net::Exchange& exchange, std::string_view piece) override {
    static_cast<std::string*>(exchange.context)->append(piece);
  }
  void on_end(net::Exchange& exchange) override {
    const net::RequestHead& head = exchange.request();
    const std::string seen =
        hex(head.method) + ":" + hex(head.target) + ":" + hex(*static_cast<std::string*>(exchange.context));
    const net::Header field{"X-Seen", seen};
    exchange.reply(200, {&field, 1}, "");
  }
  void on_writable(net::Exchange&) override {}
  void on_closed(net::Exchange& exchange, bool) override {
    std::erase_if(bodies, [&](const auto& body) { return body.get() == exchange.context; });
  }
};

/// Stops the loop when whoever started this program is gone.
struct InputEnd final : net::IoHandler {
  explicit InputEnd(net::Reactor& loop) : reactor(loop) { reactor.watch(STDIN_FILENO, EPOLLIN, *this); }
  void on_io(uint32_t) override { reactor.stop(); }
  net::Reactor& reactor;
};

void print_shapes() {
  for (const auto& shape : net::test::refused_shapes()) {
    std::printf("refused %s %s\n", hex(shape.bytes).c_str(), shape.name);
  }
  for (const auto& shape : net::test::accepted_shapes()) {
    std::printf("accepted %s %s\n", hex(shape.bytes).c_str(), shape.name);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: barrio_echo ADDRESS | --shapes\n"), 2;
  if (std::string_view(argv[1]) == "--shapes") return print_shapes(), 0;
  const auto address = net::SocketAddress::parse(argv[1]);
  if (!address) return std::fprintf(stderr, "%s\n", address.error().text().c_str()), 2;
  net::Reactor reactor;
  Echo echo;
  net::Server server(reactor, {}, echo);
  const auto bound = server.listen(*address);
  if (!bound) return std::fprintf(stderr, "%s\n", bound.error().text().c_str()), 2;
  InputEnd end(reactor);
  reactor.run();
  return 0;
}
