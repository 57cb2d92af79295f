// What real clients and servers are tried on (clients.sh): net::Server and net::Client between them.
//
//   echo_server                    /echo answers with the request's body and trailers, /size/N with N bytes
//   echo_server HTTP2 [HTTP1]      passes everything on: to an HTTP/2 server, or, for upgrades, to an HTTP/1.1 one
//
// Prints the address that it listens on and ends with its standard input.

#include <sys/epoll.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "net/client.h"
#include "net/server.h"

namespace {

using namespace barrio;
using namespace barrio::net;

std::optional<uint64_t> length_of(const auto& head) {
  return head.has_body ? head.content_length : std::optional<uint64_t>(0);
}

/// Trailers outlive the callback that brings them.
struct KeptTrailers {
  OwnedHeaders owned;
  std::vector<Header> views;
  void keep(std::span<const Header> trailers) {
    for (const Header& header : trailers) owned.emplace_back(header.name, header.value);
    for (const auto& [name, value] : owned) views.push_back({name, value});
  }
};

class EchoHandler final : public ExchangeHandler {
  struct Echo {
    KeptTrailers trailers;
    size_t size_left = 0;
  };
  static Echo& echo(Exchange& exchange) { return *static_cast<Echo*>(exchange.context); }

  void on_head(Exchange& exchange) override {
    exchange.context = new Echo;
    if (exchange.request().path == "/echo") exchange.begin(200, {}, length_of(exchange.request()));
  }
  void on_body(Exchange& exchange, std::string_view piece) override {
    if (exchange.request().path == "/echo" && !exchange.write(piece)) exchange.pause();
  }
  void on_trailers(Exchange& exchange, std::span<const Header> trailers) override {
    echo(exchange).trailers.keep(trailers);
  }
  void on_end(Exchange& exchange) override {
    const std::string_view path = exchange.request().path;
    if (path == "/echo") return exchange.end(echo(exchange).trailers.views);
    if (!path.starts_with("/size/")) return exchange.reply(404, {}, "no such path\n");
    echo(exchange).size_left = std::strtoull(std::string(path.substr(6)).c_str(), nullptr, 10);
    exchange.begin(200, {}, echo(exchange).size_left);
    send_size(exchange);
  }
  void on_writable(Exchange& exchange) override {
    echo(exchange).size_left > 0 ? send_size(exchange) : exchange.resume();
  }
  void on_closed(Exchange& exchange, bool) override { delete &echo(exchange); }

  static void send_size(Exchange& exchange) {
    static const std::string piece(64 * 1024, 'x');
    size_t& left = echo(exchange).size_left;
    for (bool room = true; room && left > 0;) {
      const std::string_view part = std::string_view(piece).substr(0, left);
      left -= part.size();
      room = exchange.write(part);
    }
    if (left == 0) exchange.end();
  }
};

struct Origins {
  Endpoint http2;
  Endpoint http1;
};

/// One exchange that is passed on.
class Forwarded final : public CallHandler {
 public:
  Forwarded(Reactor& reactor, Client& client, const Origins& origins, Exchange& exchange) : exchange_(exchange) {
    const RequestHead& head = exchange.request();
    call_ = &client.start(head.upgrade.empty() ? origins.http2 : origins.http1,
                          {.method = head.method,
                           .target = head.target,
                           .headers = head.headers,
                           .length = length_of(head),
                           .deadline = reactor.now() + 60s,
                           .upgrade = head.upgrade,
                           .takes_trailers = head.takes_trailers},
                          *this);
  }
  ~Forwarded() {
    if (call_ != nullptr) call_->cancel();
  }
  void body(std::string_view piece) {
    if (call_ != nullptr && !call_->write(piece)) exchange_.pause();
  }
  void trailers(std::span<const Header> trailers) { asked_.keep(trailers); }
  void ended() {
    if (call_ != nullptr) call_->end(asked_.views);
  }
  void writable() {
    if (call_ != nullptr) call_->resume();
  }

 private:
  void on_head(const ResponseHead& head) override { exchange_.begin(head.status, head.headers, length_of(head)); }
  void on_body(std::string_view piece) override {
    if (!exchange_.write(piece)) call_->pause();
  }
  void on_trailers(std::span<const Header> trailers) override { answered_.keep(trailers); }
  void on_done() override {
    call_ = nullptr;
    exchange_.end(answered_.views);
  }
  void on_error(CallError error) override {
    call_ = nullptr;
    const std::string text = error.error.text() + "\n";
    exchange_.reply(502, {}, text);  // or an abort, where the answer has begun
  }
  void on_writable() override { exchange_.resume(); }
  void on_upgraded(const ResponseHead& head) override { exchange_.upgrade(head.headers); }
  void on_tunnel_end() override { exchange_.end(); }

  Exchange& exchange_;
  Call* call_ = nullptr;
  KeptTrailers asked_;
  KeptTrailers answered_;
};

class ForwardHandler final : public ExchangeHandler {
 public:
  ForwardHandler(Reactor& reactor, Origins origins) : reactor_(reactor), origins_(origins), client_(reactor, {}) {}

 private:
  static Forwarded& forwarded(Exchange& exchange) { return *static_cast<Forwarded*>(exchange.context); }
  void on_head(Exchange& exchange) override { exchange.context = new Forwarded(reactor_, client_, origins_, exchange); }
  void on_body(Exchange& exchange, std::string_view piece) override { forwarded(exchange).body(piece); }
  void on_trailers(Exchange& exchange, std::span<const Header> trailers) override {
    forwarded(exchange).trailers(trailers);
  }
  void on_end(Exchange& exchange) override { forwarded(exchange).ended(); }
  void on_writable(Exchange& exchange) override { forwarded(exchange).writable(); }
  void on_tunnel_end(Exchange& exchange) override { forwarded(exchange).ended(); }
  void on_closed(Exchange& exchange, bool) override { delete &forwarded(exchange); }

  Reactor& reactor_;
  Origins origins_;
  Client client_;
};

class StandardInput final : public IoHandler {
 public:
  explicit StandardInput(Reactor& reactor) : reactor_(reactor) { reactor.watch(STDIN_FILENO, EPOLLIN, *this); }
  void on_io(uint32_t) override {
    char buffer[256];
    if (::read(STDIN_FILENO, buffer, sizeof(buffer)) <= 0) reactor_.stop();
  }

 private:
  Reactor& reactor_;
};

}  // namespace

int main(int count, char** arguments) {
  Reactor reactor;
  EchoHandler echo;
  std::unique_ptr<ForwardHandler> forward;
  if (count > 1) {
    const auto http2 = SocketAddress::parse(arguments[1]);
    const auto http1 = SocketAddress::parse(arguments[count > 2 ? 2 : 1]);
    if (!http2 || !http1) return 2;
    Origins origins{*http2, *http1};
    origins.http2.protocol = Protocol::http2;
    forward = std::make_unique<ForwardHandler>(reactor, origins);
  }
  ExchangeHandler* handler = &echo;
  if (forward) handler = forward.get();
  Server server(reactor, {.body_bytes = uint64_t{1} << 32}, *handler);
  const auto address = server.listen(*SocketAddress::parse("127.0.0.1:0"));
  if (!address) return 1;
  std::printf("%s\n", address->str().c_str());
  std::fflush(stdout);
  StandardInput input(reactor);
  reactor.run();
  return 0;
}
