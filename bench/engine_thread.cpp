#include "engine_thread.h"

#include <cstdio>

#include "base/check.h"
#include "net/thread_priority.h"

namespace barrio::bench {

EngineThread::EngineThread(const engine::EngineOptions& options, const engine::Engine::Backends& backends) {
  std::promise<net::SocketAddress> ready;
  auto address = ready.get_future();
  thread_ = std::thread([&, this] { run(options, backends, ready); });
  address_ = address.get();
}

EngineThread::~EngineThread() {
  reactor_->stop();
  thread_.join();
}

void EngineThread::run(const engine::EngineOptions& options, const engine::Engine::Backends& backends,
                       std::promise<net::SocketAddress>& ready) {
  net::Reactor reactor;
  reactor_ = &reactor;
  Registry registry;
  engine::Engine engine(reactor, backends, options.engine, registry);
  engine::HostedReplica replica(reactor, engine, registry, *options.own, {});
  const auto bound = replica.start([](const Error& error) {
    std::fprintf(stderr, "%s\n", error.text().c_str());
    CHECK(!"the models can be loaded");
  });
  CHECK(bound.has_value());
  while (!replica.ready()) reactor.turn(100ms);
  net::carry_requests();
  ready.set_value(*bound);
  reactor.run();
}

}  // namespace barrio::bench
