#include <algorithm>

#include "net/http2_server.h"
#include "net/server_connection.h"

namespace barrio::net {

ConnectionLimit limit_of_status(int status, ConnectionLimit waited) {
  switch (status) {
    case 408: return waited;
    case 413: return ConnectionLimit::body;
    case 414:
    case 431: return ConnectionLimit::head;
    default: return ConnectionLimit::malformed;
  }
}

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
  if (++door.welcome.connections < limits_.connections) return;
  met(ConnectionLimit::connections);
  set_accepting();
}

void ServerCore::set_accepting() {
  if (draining_) return;
  for (auto& door : doors_) {
    const Welcome& at = door->welcome;
    const bool full = at.connections >= limits_.connections || at.handshakes >= limits_.handshakes;
    held_ || full ? door->listener->pause() : door->listener->resume();
  }
}

void ServerCore::count_handshakes(Welcome& welcome, int change) {
  const bool was_busy = welcome.handshakes >= limits_.handshakes;
  welcome.handshakes += static_cast<size_t>(change);
  const bool busy = welcome.handshakes >= limits_.handshakes;
  if (busy && !was_busy) met(ConnectionLimit::handshakes);
  if (was_busy != busy) set_accepting();
}

size_t ServerCore::handshakes() const {
  size_t all = 0;
  for (const auto& door : doors_) all += door->welcome.handshakes;
  return all;
}

void ServerCore::remove(ServerConnection& connection) {
  const size_t index = connection.index;
  Welcome& by = connection.welcomed_by();
  std::swap(connections_[index], connections_.back());
  connections_[index]->index = index;
  connections_.pop_back();
  if (by.connections-- == limits_.connections) set_accepting();
}

void ServerCore::drain(Duration idle) {
  draining_ = true;
  drain_began_ = reactor_.now();
  drain_idle_ = idle;
  for (auto& door : doors_) door->listener->close();
  for (auto& connection : connections_) connection->drain();
}

}  // namespace barrio::net
