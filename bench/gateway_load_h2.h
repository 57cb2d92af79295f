#pragma once
// The HTTP/2 part of bench_gateway_load: gRPC-like calls over few connections, and the origin that answers them.

#include "net/client.h"
#include "net/server.h"

namespace barrio {

/// Answers each request with 200 bytes and a trailer.
class Http2Origin final : public net::ExchangeHandler {
 public:
  explicit Http2Origin(net::Reactor& reactor) : server_(reactor, {}, *this) {}
  Result<net::SocketAddress> listen() { return server_.listen(*net::SocketAddress::parse("127.0.0.1:0")); }

 private:
  void on_head(net::Exchange&) override {}
  void on_body(net::Exchange&, std::string_view) override {}
  void on_end(net::Exchange& exchange) override;
  void on_writable(net::Exchange&) override {}
  void on_closed(net::Exchange&, bool) override {}

  net::Server server_;
};

/// Keeps `calls` calls in flight.
class Http2Load {
 public:
  Http2Load(net::Reactor& reactor, const net::SocketAddress& target, const std::string& token, int64_t calls,
            int64_t upload);
  ~Http2Load();
  void drive(double seconds);
  int64_t answered = 0;
  int64_t errors = 0;

 private:
  struct One;
  void start(One& one);

  net::Reactor& reactor_;
  net::Endpoint target_;
  std::string authorization_;
  std::string body_;
  net::Client client_;
  std::vector<std::unique_ptr<One>> calls_;
  bool running_ = false;
  size_t open_ = 0;
};

}  // namespace barrio
