#include "sim/loop.h"

#include <algorithm>

#include "base/check.h"

namespace barrio::sim {
namespace {

constexpr Duration offload_wait = 100us;

class SimSignal final : public ports::Signal {
 public:
  explicit SimSignal(SimLoop& loop) : loop_(loop) {}
  ~SimSignal() override {
    for (Waiter* waiter : waiting_) waiter->signal = nullptr;
  }
  SimSignal(const SimSignal&) = delete;
  SimSignal& operator=(const SimSignal&) = delete;

  bool wait_until(Time until) override {
    if (std::exchange(remembered_, false)) return true;
    Waiter waiter(loop_, *this, until);
    waiting_.push_back(&waiter);
    while (!waiter.notified && !waiter.ended) waiter.loop.scheduler().park();
    return waiter.notified;
  }

  void notify() override {
    remembered_ = waiting_.empty();
    for (Waiter* waiter : waiting_) {
      waiter->notified = true;
      loop_.scheduler().ready(waiter->fiber);
    }
    waiting_.clear();
  }

 private:
  /// On the stack of the fiber that waits; also gone when that is unwound, before or after its signal.
  struct Waiter {
    Waiter(SimLoop& on, SimSignal& of, Time until)
        : loop(on), signal(&of), fiber(on.scheduler().current()), timer{until, 0} {
      CHECK(fiber != nullptr);
      if (until == Time::max()) return;
      timer = loop.at(until, [this] {
        ended = true;
        loop.scheduler().ready(fiber);
      });
    }
    ~Waiter() {
      loop.cancel(timer);
      if (signal != nullptr) std::erase(signal->waiting_, this);
    }
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

    SimLoop& loop;
    SimSignal* signal;
    Fiber* fiber;
    SimLoop::TimerId timer;
    bool notified = false;
    bool ended = false;
  };

  SimLoop& loop_;
  std::vector<Waiter*> waiting_;
  bool remembered_ = false;
};

}  // namespace

SimLoop::TimerId SimLoop::at(Time when, std::function<void()> action) {
  const TimerId id{std::max(when, now_), ++made_};
  timers_.emplace(id, std::move(action));
  return id;
}

void SimLoop::run_until(Time until) {
  while (true) {
    while (scheduler_.run_one()) {
    }
    if (timers_.empty() || timers_.begin()->first.first > until) break;
    auto next = timers_.extract(timers_.begin());
    now_ = next.key().first;
    next.mapped()();
  }
  now_ = until;
}

WallTime SimRuntime::wall() {
  constexpr auto start = std::chrono::sys_days(std::chrono::year(2026) / 1 / 28);
  const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(loop_.now().time_since_epoch());
  return start + passed + (clock_ == nullptr ? std::chrono::milliseconds(0) : clock_->ahead);
}

void SimRuntime::sleep_until(Time until) {
  SimSignal(loop_).wait_until(until);
}

void SimRuntime::spawn(std::string name, std::function<void()> body) {
  Fiber* fiber = loop_.scheduler().spawn(name_ + ": " + std::move(name), [this, body = std::move(body)] {
    body();
    std::erase(fibers_, loop_.scheduler().current());
  });
  fibers_.push_back(fiber);
}

void SimRuntime::offload(std::function<void()> work) {
  sleep_for(offload_wait);
  work();
}

std::unique_ptr<ports::Signal> SimRuntime::make_signal() {
  return std::make_unique<SimSignal>(loop_);
}

void SimRuntime::kill() {
  while (!fibers_.empty()) {
    Fiber* fiber = fibers_.back();
    fibers_.pop_back();
    loop_.scheduler().destroy(fiber);
  }
}

}  // namespace barrio::sim
