#include <algorithm>

#include "net/http2_server.h"
#include "net/server_connection.h"

namespace barrio::net {

ServerCore::ServerCore(Reactor& reactor, ServerLimits limits, ExchangeHandler& handler)
    : reactor_(reactor), limits_(std::move(limits)), handler_(handler), work_(reactor, [this](ServerConnection& one) {
        if (one.work() && !one.scheduled) remove(one);
      }) {}

ServerCore::~ServerCore() = default;

Result<SocketAddress> ServerCore::listen(const SocketAddress& address, InheritedSockets* inherited) {
  auto listener =
      std::make_unique<Listener>(reactor_, [this](int fd, const SocketAddress& peer) { accepted(fd, peer); });
  const auto given = inherited != nullptr ? inherited->take(address) : std::nullopt;
  TRY(auto bound, given ? listener->adopt(*given) : listener->open(address));
  if (held_) listener->pause();
  listeners_.push_back(std::move(listener));
  return bound;
}

void ServerCore::hold() {
  held_ = true;
  for (auto& listener : listeners_) listener->pause();
}

void ServerCore::accept() {
  held_ = false;
  if (draining_ || connections_.size() >= limits_.connections) return;
  for (auto& listener : listeners_) listener->resume();
}

std::vector<int> ServerCore::share_listeners() {
  std::vector<int> descriptors;
  for (auto& listener : listeners_) descriptors.push_back(listener->share());
  return descriptors;
}

bool ServerCore::is_proxy(const std::string& ip) const {
  return std::find(limits_.proxy_peers.begin(), limits_.proxy_peers.end(), ip) != limits_.proxy_peers.end();
}

void ServerCore::accepted(int fd, const SocketAddress& peer) {
  connections_.push_back(std::make_unique<ServerConnection>(*this, fd, peer));
  connections_.back()->index = connections_.size() - 1;
  if (connections_.size() < limits_.connections) return;
  for (auto& listener : listeners_) listener->pause();
}

void ServerCore::remove(ServerConnection& connection) {
  const size_t index = connection.index;
  std::swap(connections_[index], connections_.back());
  connections_[index]->index = index;
  connections_.pop_back();
  if (draining_ || held_ || connections_.size() + 1 != limits_.connections) return;
  for (auto& listener : listeners_) listener->resume();
}

void ServerCore::drain(Duration idle) {
  draining_ = true;
  drain_began_ = reactor_.now();
  drain_idle_ = idle;
  for (auto& listener : listeners_) listener->close();
  for (auto& connection : connections_) connection->drain();
}

}  // namespace barrio::net
