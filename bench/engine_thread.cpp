#include "engine_thread.h"

#include <cstdio>

#include "base/check.h"
#include "engine/front_door.h"
#include "engine/grpc_front.h"
#include "engine/rest_front.h"
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
  engine::WorkQueue codec(reactor, 1, 64);
  engine::RestFront rest(reactor, engine, engine, codec, registry);
  engine::GrpcFront grpc(reactor, engine, engine, {});
  engine::FrontDoor door(reactor, {}, {&grpc, &rest});
  size_t loaded = 0;
  for (const engine::InitialModel& model : options.models) {
    engine.load(model.name, model.parameters, [&loaded](Result<void> result) {
      if (!result) std::fprintf(stderr, "%s\n", result.error().text().c_str());
      CHECK(result.has_value());
      ++loaded;
    });
  }
  while (loaded < options.models.size()) reactor.turn(100ms);
  const auto bound = door.listen(*net::SocketAddress::parse(options.listen));
  CHECK(bound.has_value());
  net::carry_requests();
  ready.set_value(*bound);
  reactor.run();
}

}  // namespace barrio::bench
