#include "net/server.h"

#include "net/http2_server.h"
#include "net/server_connection.h"

namespace barrio::net {

struct Server::State {
  ServerCore core;
};

Server::Server(Reactor& reactor, ServerLimits limits, ExchangeHandler& handler)
    : state_(new State{ServerCore(reactor, std::move(limits), handler)}) {}

Server::~Server() = default;

Result<SocketAddress> Server::listen(const SocketAddress& address, std::shared_ptr<TlsServer> tls, InClear in_clear,
                                     InheritedSockets* inherited) {
  return state_->core.listen(address, {std::move(tls), in_clear}, inherited);
}

void Server::hold() {
  state_->core.hold();
}

void Server::accept() {
  state_->core.accept();
}

std::vector<int> Server::share_listeners() {
  return state_->core.share_listeners();
}

void Server::drain(Duration idle) {
  state_->core.drain(idle);
}

size_t Server::connections() const {
  return state_->core.connections();
}

size_t Server::handshakes() const {
  return state_->core.handshakes();
}

const ConnectionLimitCounts& Server::limits_met() const {
  return state_->core.limits_met();
}

}  // namespace barrio::net
