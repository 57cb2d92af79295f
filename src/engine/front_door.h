#pragma once
// The engine's listener: gives each exchange to the first of its fronts that takes it. Lives on the loop.

#include <vector>

#include "engine/front.h"

namespace barrio::engine {

class FrontDoor final : public net::ExchangeHandler {
 public:
  /// The fronts outlive it; the last one takes everything.
  FrontDoor(net::Reactor& reactor, net::ServerLimits limits, std::vector<Front*> fronts)
      : fronts_(std::move(fronts)), server_(reactor, std::move(limits), *this) {}

  Result<net::SocketAddress> listen(const net::SocketAddress& address) { return server_.listen(address); }
  /// Stops accepting; what came is still answered.
  void drain() { server_.drain(); }

  void on_head(net::Exchange& exchange) override { front_of(exchange).on_head(exchange); }
  void on_body(net::Exchange& exchange, std::string_view piece) override {
    front_of(exchange).on_body(exchange, piece);
  }
  void on_trailers(net::Exchange& exchange, std::span<const net::Header> trailers) override {
    front_of(exchange).on_trailers(exchange, trailers);
  }
  void on_end(net::Exchange& exchange) override { front_of(exchange).on_end(exchange); }
  void on_writable(net::Exchange& exchange) override { front_of(exchange).on_writable(exchange); }
  void on_tunnel_end(net::Exchange& exchange) override { front_of(exchange).on_tunnel_end(exchange); }
  void on_closed(net::Exchange& exchange, bool aborted) override { front_of(exchange).on_closed(exchange, aborted); }

 private:
  Front& front_of(const net::Exchange& exchange) const {
    for (Front* front : fronts_) {
      if (front->takes(exchange.request())) return *front;
    }
    return *fronts_.back();
  }

  std::vector<Front*> fronts_;
  net::Server server_;  // last: its end closes the exchanges, which still need the rest
};

}  // namespace barrio::engine
