#pragma once
// An engine on a thread of its own, as a process would be, with the fronts for inference over REST and gRPC.

#include <future>
#include <thread>

#include "engine/engine_main.h"
#include "net/address.h"

namespace barrio::bench {

class EngineThread {
 public:
  /// Of the options: where it listens, the models, the engine's settings. Returns once all models are loaded, which
  /// they must be; so must the address be free.
  EngineThread(const engine::EngineOptions& options, const engine::Engine::Backends& backends);
  ~EngineThread();
  EngineThread(const EngineThread&) = delete;
  EngineThread& operator=(const EngineThread&) = delete;

  const net::SocketAddress& address() const { return address_; }

 private:
  void run(const engine::EngineOptions& options, const engine::Engine::Backends& backends,
           std::promise<net::SocketAddress>& ready);

  net::Reactor* reactor_ = nullptr;
  net::SocketAddress address_;
  std::thread thread_;
};

}  // namespace barrio::bench
