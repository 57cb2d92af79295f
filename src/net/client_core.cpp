#include <algorithm>
#include <utility>

#include "base/rng.h"
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

ClientPool::ClientPool() = default;
ClientPool::~ClientPool() = default;

bool ClientPool::unused() const {
  return connections == 0 && (!http2 || http2->unused());
}

size_t ClientCore::Hash::operator()(const Endpoint& endpoint) const {
  const std::hash<std::string_view> hash;
  const auto tls = reinterpret_cast<uintptr_t>(endpoint.tls.get());
  return mix(hash(endpoint.address.bytes()), hash(endpoint.name) ^ tls ^ endpoint.address.network_namespace().inode ^
                                                 static_cast<size_t>(endpoint.protocol));
}

ClientPool& ClientCore::pool_of(const Endpoint& endpoint) {
  if (last_pool_ != nullptr && last_pool_->endpoint == endpoint) return *last_pool_;
  if (const auto found = pools_.find(endpoint); found != pools_.end()) return *(last_pool_ = &found->second);
  if (pools_.size() >= most_pools_) drop_unused_pools();
  ClientPool& pool = pools_[endpoint];
  pool.endpoint = endpoint;
  const SocketAddress& address = endpoint.address;
  // What is in another namespace knows nothing of how it is called from here.
  const bool nameless = address.is_unix() || address.network_namespace().pid != 0;
  pool.host = !endpoint.name.empty() ? endpoint.name : nameless ? "localhost" : address.str();
  if (endpoint.protocol == Protocol::http2) {
    pool.http2 =
        std::make_unique<http2::EndpointCalls>(reactor_, limits_, pool.endpoint, pool.host, scratch_, http2_memory_);
  }
  return pool;
}

/// Endpoints come and go. Twice as many as are in use are remembered, so that dropping costs little for each.
void ClientCore::drop_unused_pools() {
  last_pool_ = nullptr;
  std::erase_if(pools_, [](const auto& item) { return item.second.unused(); });
  most_pools_ = std::max<size_t>(64, 2 * pools_.size());
}

Call& ClientCore::start(const Endpoint& endpoint, const CallStart& start, CallHandler& handler) {
  ClientPool& pool = pool_of(endpoint);
  if (pool.http2) return pool.http2->start(start, handler);
  while (!pool.idle.empty()) {
    ClientConnection& warm = *pool.idle.back();  // the one used last is the least likely to be stale
    pool.idle.pop_back();
    if (warm.outdated()) continue;
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

Call& ClientCore::start(const Endpoint& endpoint, const Request& request, Time deadline, CallHandler& handler) {
  std::vector<Header> headers;
  headers.reserve(request.headers.size());
  for (const auto& [name, value] : request.headers) headers.push_back({name, value});
  Call& call = start(endpoint,
                     {.method = request.method,
                      .target = request.target,
                      .headers = headers,
                      .length = request.body.size(),
                      .deadline = deadline},
                     handler);
  if (request.body.empty()) return call;
  call.write(request.body);
  call.end();
  return call;
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
