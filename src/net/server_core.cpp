#include <algorithm>

#include "net/http2_server.h"
#include "net/server_connection.h"

namespace barrio::net {

ServerCore::ServerCore(Reactor& reactor, ServerLimits limits, ExchangeHandler& handler)
    : reactor_(reactor), limits_(std::move(limits)), handler_(handler), work_(reactor, [this](ServerConnection& one) {
        if (one.work() && !one.scheduled) remove(one);
      }) {}

ServerCore::~ServerCore() = default;

Result<SocketAddress> ServerCore::listen(const SocketAddress& address, Welcome welcome, InheritedSockets* inherited) {
  auto door = std::make_unique<Door>(Door{.welcome = std::move(welcome)});
  door->listener = std::make_unique<Listener>(
      reactor_, [this, at = door.get()](int fd, const SocketAddress& peer) { accepted(*at, fd, peer); });
  const auto given = inherited != nullptr ? inherited->take(address) : std::nullopt;
  TRY(auto bound, given ? door->listener->adopt(*given) : door->listener->open(address));
  doors_.push_back(std::move(door));
  set_accepting();
  return bound;
}

void ServerCore::hold() {
  held_ = true;
  set_accepting();
}

void ServerCore::accept() {
  held_ = false;
  set_accepting();
}

std::vector<int> ServerCore::share_listeners() {
  std::vector<int> descriptors;
  for (auto& door : doors_) descriptors.push_back(door->listener->share());
  return descriptors;
}

bool ServerCore::is_proxy(const std::string& ip) const {
  return std::find(limits_.proxy_peers.begin(), limits_.proxy_peers.end(), ip) != limits_.proxy_peers.end();
}

void ServerCore::accepted(Door& door, int fd, const SocketAddress& peer) {
  connections_.push_back(std::make_unique<ServerConnection>(*this, door.welcome, fd, peer));
  connections_.back()->index = connections_.size() - 1;
  if (connections_.size() >= limits_.connections) set_accepting();
}

void ServerCore::set_accepting() {
  if (draining_) return;
  const bool full = held_ || connections_.size() >= limits_.connections;
  for (auto& door : doors_) {
    const bool busy = door->welcome.tls && handshakes_ >= limits_.handshakes;
    full || busy ? door->listener->pause() : door->listener->resume();
  }
}

void ServerCore::count_handshakes(int change) {
  const bool was_busy = handshakes_ >= limits_.handshakes;
  handshakes_ += static_cast<size_t>(change);
  if (was_busy != (handshakes_ >= limits_.handshakes)) set_accepting();
}

void ServerCore::remove(ServerConnection& connection) {
  const size_t index = connection.index;
  std::swap(connections_[index], connections_.back());
  connections_[index]->index = index;
  connections_.pop_back();
  if (connections_.size() + 1 == limits_.connections) set_accepting();
}

void ServerCore::drain(Duration idle) {
  draining_ = true;
  drain_began_ = reactor_.now();
  drain_idle_ = idle;
  for (auto& door : doors_) door->listener->close();
  for (auto& connection : connections_) connection->drain();
}

}  // namespace barrio::net
