#pragma once
// Control's HTTP server: a fiber per request.

#include "control/http_api.h"
#include "net/server.h"

namespace barrio::control {

class HttpFront {
 public:
  /// `limits.body_bytes` bounds uploaded models.
  HttpFront(ports::Runtime& runtime, net::Reactor& reactor, HttpApi& http, net::ServerLimits limits);
  /// Several times for several addresses.
  Result<net::SocketAddress> listen(const net::SocketAddress& address, std::shared_ptr<net::TlsServer> tls = nullptr) {
    net::MessageServer& server = tls ? secure_ : server_;
    return server.listen(address, std::move(tls));
  }
  void drain() {
    server_.drain();
    secure_.drain();
  }

 private:
  /// Each holds a stack and may hold a body: over it, requests are answered 503 at once.
  static constexpr int most_requests = 256;
  /// Those who watch events, on top of that.
  static constexpr int most_watching = 64;
  static constexpr Duration still_here = 15s;
  void accept(net::Request request, net::Responder respond, HttpApi::Over over);
  void go_on(HttpApi::Watch& watch, net::Response begin, net::Responder& respond);

  ports::Runtime& runtime_;
  HttpApi& http_;
  int running_ = 0;
  int watching_ = 0;
  net::MessageServer server_;
  net::MessageServer secure_;
};

}  // namespace barrio::control
