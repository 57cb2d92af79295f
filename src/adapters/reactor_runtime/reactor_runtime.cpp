#include "adapters/reactor_runtime/reactor_runtime.h"

#include <atomic>
#include <optional>
#include <random>
#include <set>
#include <vector>

#include "adapters/reactor_runtime/offload_pool.h"
#include "base/check.h"

namespace barrio::adapters {
namespace {

uint64_t seed_or_entropy(uint64_t seed) {
  if (seed != 0) return seed;
  std::random_device entropy;
  return (static_cast<uint64_t>(entropy()) << 32) | entropy();
}

}  // namespace

/// A fiber in Signal::wait_until; lives on that fiber's stack.
struct Waiter {
  Fiber* fiber = nullptr;
  bool notified = false;
  bool ended = false;  // by time, or because the process stops
  bool signal_gone = false;
};

struct ReactorRuntime::State {
  State(net::Reactor& on, const RuntimeOptions& options)
      : reactor(on), rng(seed_or_entropy(options.seed)), pool(options.offload_threads) {}

  net::Reactor& reactor;
  Rng rng;
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);  // posted actions outlive us in the reactor's queue
  std::atomic<bool> stopping = false;                          // read by offloaded work
  bool pump_posted = false;
  std::set<Waiter*> waiters;
  OffloadPool pool;
  FiberScheduler scheduler;  // last: its fibers, when unwound, use all of the above

  void post_pump() {
    if (pump_posted) return;
    pump_posted = true;
    reactor.post([this, here = std::weak_ptr<bool>(alive)] {
      if (!here.expired()) pump();
    });
  }

  void pump() {
    pump_posted = false;
    scheduler.run_ready();
    if (scheduler.has_ready()) post_pump();  // fibers that wake each other never starve sockets
  }

  void wake(Fiber* fiber) {
    scheduler.ready(fiber);
    post_pump();
  }
};

namespace {

/// Calls its action when the scope ends, also when the fiber is unwound.
class AtExit {
 public:
  explicit AtExit(std::function<void()> action) : action_(std::move(action)) {}
  ~AtExit() { action_(); }
  AtExit(const AtExit&) = delete;
  AtExit& operator=(const AtExit&) = delete;

 private:
  std::function<void()> action_;
};

}  // namespace

class ReactorRuntime::ReactorSignal final : public ports::Signal {
 public:
  explicit ReactorSignal(State& state) : state_(state) {}
  /// Services end before their runtime, which then unwinds the fibers that still wait here.
  ~ReactorSignal() override {
    for (Waiter* waiter : waiting_) waiter->signal_gone = true;
  }
  ReactorSignal(const ReactorSignal&) = delete;
  ReactorSignal& operator=(const ReactorSignal&) = delete;

  bool wait_until(Time until) override {
    if (remembered_) {
      remembered_ = false;
      return true;
    }
    Waiter waiter{state_.scheduler.current()};
    CHECK(waiter.fiber != nullptr);
    net::TimerId timer = 0;
    if (until != Time::max()) {
      timer = state_.reactor.call_at(until, [&state = state_, &waiter, &timer] {
        timer = 0;
        waiter.ended = true;
        state.wake(waiter.fiber);
      });
    }
    waiting_.push_back(&waiter);
    state_.waiters.insert(&waiter);
    // Of this signal only what its waiter says is still there.
    const AtExit tidy([this, &state = state_, &waiter, &timer] {
      if (timer != 0) state.reactor.cancel(timer);
      state.waiters.erase(&waiter);
      if (!waiter.signal_gone) std::erase(waiting_, &waiter);
    });
    while (!waiter.notified && !waiter.ended) state_.scheduler.park();
    return waiter.notified;
  }

  void notify() override {
    remembered_ = waiting_.empty();
    for (Waiter* waiter : waiting_) {
      waiter->notified = true;
      state_.wake(waiter->fiber);
    }
    waiting_.clear();
  }

 private:
  State& state_;
  std::vector<Waiter*> waiting_;
  bool remembered_ = false;
};

ReactorRuntime::ReactorRuntime(net::Reactor& reactor, RuntimeOptions options)
    : state_(std::make_unique<State>(reactor, options)) {}

ReactorRuntime::~ReactorRuntime() {
  // Work in progress refers to the stacks of the fibers that wait for it.
  state_->pool.stop();
}

Time ReactorRuntime::now() {
  return state_->reactor.now();
}

WallTime ReactorRuntime::wall() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

void ReactorRuntime::sleep_until(Time until) {
  ReactorSignal(*state_).wait_until(until);
}

void ReactorRuntime::spawn(std::string name, std::function<void()> body) {
  state_->scheduler.spawn(std::move(name), std::move(body));
  state_->post_pump();
}

void ReactorRuntime::offload(std::function<void()> work) {
  Fiber* fiber = state_->scheduler.current();
  CHECK(fiber != nullptr);
  auto done = std::make_shared<bool>(false);
  State* state = state_.get();
  state->pool.submit([&work, state, fiber, done, here = std::weak_ptr<bool>(state->alive)] {
    work();
    state->reactor.post([state, fiber, done, here] {
      if (here.expired()) return;
      *done = true;
      if (state->scheduler.is_alive(fiber)) state->wake(fiber);
    });
  });
  while (!*done) state->scheduler.park();
}

std::unique_ptr<ports::Signal> ReactorRuntime::make_signal() {
  return std::make_unique<ReactorSignal>(*state_);
}

Rng& ReactorRuntime::rng() {
  return state_->rng;
}

bool ReactorRuntime::stopping() {
  return state_->stopping;
}

void ReactorRuntime::begin_stop() {
  state_->stopping = true;
  for (Waiter* waiter : state_->waiters) {
    waiter->ended = true;
    state_->wake(waiter->fiber);
  }
}

size_t ReactorRuntime::fibers() const {
  return state_->scheduler.alive();
}

std::vector<std::string> ReactorRuntime::fiber_names() const {
  return state_->scheduler.names();
}

Result<net::Response> fetch(ports::Runtime& runtime, net::Client& client, const net::Endpoint& endpoint,
                            net::Request request, Time deadline, size_t most_answer) {
  // The client's callback may come after this fiber was unwound or gave up.
  struct Waiting {
    std::unique_ptr<ports::Signal> answered;
    std::optional<Result<net::Response>> answer;
    bool abandoned = false;
  };
  auto waiting = std::make_shared<Waiting>();
  waiting->answered = runtime.make_signal();
  const AtExit abandon([waiting] {
    waiting->abandoned = true;
    waiting->answered.reset();
  });
  const auto done = [waiting](Result<net::Response> answer) {
    if (waiting->abandoned) return;
    waiting->answer = std::move(answer);
    waiting->answered->notify();
  };
  client.fetch(endpoint, std::move(request), deadline, done, most_answer);
  // The client keeps the deadline itself and always calls back; only the end of the process cuts this short.
  waiting->answered->wait_until(Time::max());
  if (!waiting->answer) return fail(Code::cancelled, "this process is stopping", endpoint.address.str());
  return std::move(*waiting->answer);
}

}  // namespace barrio::adapters
