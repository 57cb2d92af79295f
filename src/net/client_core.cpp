#include <utility>

#include "net/client_connection.h"
#include "net/fetch_call.h"
#include "net/http2_client.h"

namespace barrio::net {

ClientCore::ClientCore(Reactor& reactor, ClientLimits limits)
    : reactor_(reactor), limits_(limits), work_(reactor, [this](ClientConnection& one) {
        if (one.work() && !one.scheduled) remove(one);
      }) {}

ClientCore::~ClientCore() {
  for (FetchCall* fetch : fetches_) delete fetch;
}

ClientPool& ClientCore::pool_of(const Endpoint& endpoint) {
  const SocketAddress& address = endpoint.address;
  // The pool keeps the TlsClient, so no other one can have its address.
  const auto tls = reinterpret_cast<uintptr_t>(endpoint.tls.get());
  key_.assign(reinterpret_cast<const char*>(address.native()), address.native_length());
  key_.push_back(static_cast<char>(endpoint.protocol));
  key_.append(reinterpret_cast<const char*>(&tls), sizeof(tls)).append(endpoint.name);
  const auto found = pools_.find(key_);
  if (found != pools_.end()) return found->second;
  ClientPool& pool = pools_[key_];
  pool.endpoint = endpoint;
  pool.host = !endpoint.name.empty() ? endpoint.name : address.is_unix() ? "localhost" : address.str();
  if (endpoint.protocol == Protocol::http2) {
    pool.http2 = std::make_unique<http2::EndpointCalls>(reactor_, limits_, pool.endpoint, pool.host, scratch_);
  }
  return pool;
}

Call& ClientCore::start(const Endpoint& endpoint, const CallStart& start, CallHandler& handler) {
  ClientPool& pool = pool_of(endpoint);
  if (pool.http2) return pool.http2->start(start, handler);
  if (!pool.idle.empty()) {
    ClientConnection& warm = *pool.idle.back();  // the one used last is the least likely to be stale
    pool.idle.pop_back();
    warm.begin(start, handler);
    return warm;
  }
  const bool full = pool.connections >= limits_.connections_per_address;
  connections_.push_back(std::make_unique<ClientConnection>(*this, full ? nullptr : &pool));
  ClientConnection& fresh = *connections_.back();
  fresh.index = connections_.size() - 1;
  if (full) {
    fresh.refuse({Code::exhausted, "too many connections to " + endpoint.address.str()}, handler);
  } else {
    ++pool.connections;
    fresh.begin(start, handler);
  }
  return fresh;
}

void ClientCore::remove(ClientConnection& connection) {
  if (connection.pool() != nullptr) --connection.pool()->connections;
  const size_t index = connection.index;
  std::swap(connections_[index], connections_.back());
  connections_[index]->index = index;
  connections_.pop_back();
}

void ClientCore::fetch(const Endpoint& endpoint, Request request, Time deadline,
                       std::function<void(Result<Response>)> done, size_t most) {
  auto* fetch = new FetchCall(*this, std::move(request), std::move(done), most);
  fetches_.insert(fetch);
  fetch->start(endpoint, deadline);
}

}  // namespace barrio::net
