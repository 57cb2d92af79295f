#pragma once
// The loop that control and sites live on: a reactor with its runtime, until SIGINT or SIGTERM (or SIGHUP, where
// nothing else is to happen then).

#include <optional>

#include "adapters/reactor_runtime/reactor_runtime.h"
#include "cli/signals.h"
#include "net/client.h"

namespace barrio::cli {

class ServiceLoop {
 public:
  ServiceLoop();
  net::Reactor& reactor() { return reactor_; }
  adapters::ReactorRuntime& runtime() { return runtime_; }
  net::Client& client() { return client_; }
  /// A call that parks the calling fiber: what adapters are given.
  auto fetcher(size_t most_answer = 64 * 1024 * 1024) {
    return [this, most_answer](const net::Endpoint& server, net::Request request, Time deadline) {
      return adapters::fetch(runtime_, client_, server, std::move(request), deadline, most_answer);
    };
  }
  /// What SIGUSR2 begins.
  void on_upgrade(std::function<void()> upgrade) { signals_.on_upgrade(std::move(upgrade)); }
  /// What SIGHUP does instead of ending the loop.
  void on_hangup(std::function<void()> action) { signals_.on_hangup(std::move(action)); }
  /// Ends the loop with this error, from any fiber.
  void fail_with(Error error);
  /// Ends the loop; fibers have a few seconds to finish.
  void begin_stop();
  /// Until stopped.
  Result<void> run();

 private:
  void stop_when_idle(Time latest);

  net::Reactor reactor_;
  Signals signals_;  // before the runtime: its threads must inherit the blocked signals
  adapters::ReactorRuntime runtime_;
  net::Client client_;
  std::optional<Error> error_;
  bool ending_ = false;
};

}  // namespace barrio::cli
