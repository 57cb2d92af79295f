#pragma once
// ports::Runtime over a reactor: fibers on the reactor's thread, its timers for sleeping, and a bounded pool of threads
// for work that blocks. Owned by main(); destroyed before its reactor and after the services that call it: once the
// reactor has stopped no fiber runs again, they are only unwound.

#include <memory>

#include "base/fiber.h"
#include "net/address.h"
#include "net/client.h"
#include "net/reactor.h"
#include "ports/runtime.h"

namespace barrio::adapters {

struct RuntimeOptions {
  size_t offload_threads = 4;
  uint64_t seed = 0;  // 0: from the system's entropy
};

class ReactorRuntime final : public ports::Runtime {
 public:
  explicit ReactorRuntime(net::Reactor& reactor, RuntimeOptions options = {});
  /// Waits for offloaded work that has begun, then unwinds all fibers.
  ~ReactorRuntime() override;
  ReactorRuntime(const ReactorRuntime&) = delete;
  ReactorRuntime& operator=(const ReactorRuntime&) = delete;

  Time now() override;
  WallTime wall() override;
  void sleep_until(Time until) override;
  void spawn(std::string name, std::function<void()> body) override;
  void offload(std::function<void()> work) override;
  std::unique_ptr<ports::Signal> make_signal() override;
  Rng& rng() override;
  bool stopping() override;

  /// On the reactor's thread: stopping() is true from now on, and every present sleep and wait ends at once, so that
  /// loops see it. Later waits last as long as they ask, so that a tidy end can wait too. The reactor runs on.
  void begin_stop();
  /// Fibers that have not ended.
  size_t fibers() const;
  /// Of these, each once, sorted.
  std::vector<std::string> fiber_names() const;

 private:
  struct State;
  class ReactorSignal;
  std::unique_ptr<State> state_;
};

/// One HTTP call; parks the calling fiber until the answer is there. Errors: those of net::Client, and cancelled when
/// the runtime begins to stop meanwhile.
Result<net::Response> fetch(ports::Runtime& runtime, net::Client& client, const net::Endpoint& endpoint,
                            net::Request request, Time deadline, size_t most_answer = 64 * 1024 * 1024);

}  // namespace barrio::adapters
