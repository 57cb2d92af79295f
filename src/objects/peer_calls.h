#pragma once
// How calls to other sites travel: over sockets, or through the simulator's network.

#include <functional>

#include "net/client.h"

namespace barrio::objects {

/// As net::Client says of its own.
class PeerCalls {
 public:
  virtual ~PeerCalls() = default;
  virtual net::Call& start(const net::Endpoint& to, const net::CallStart& start, net::CallHandler& handler) = 0;
  virtual void fetch(const net::Endpoint& to, net::Request request, Time deadline,
                     std::function<void(Result<net::Response>)> done) = 0;
};

class SocketCalls final : public PeerCalls {
 public:
  explicit SocketCalls(net::Reactor& reactor) : client_(reactor, net::ClientLimits{}) {}
  net::Call& start(const net::Endpoint& to, const net::CallStart& start, net::CallHandler& handler) override {
    return client_.start(to, start, handler);
  }
  void fetch(const net::Endpoint& to, net::Request request, Time deadline,
             std::function<void(Result<net::Response>)> done) override {
    client_.fetch(to, std::move(request), deadline, std::move(done));
  }

 private:
  net::Client client_;
};

}  // namespace barrio::objects
