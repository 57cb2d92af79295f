#pragma once
// A deadline that moves often: moving it later costs nothing, since the timer already set finds out when it fires.

#include <functional>
#include <optional>

#include "net/reactor.h"

namespace barrio::net {

class LazyTimer {
 public:
  LazyTimer(Reactor& reactor, std::function<void()> action) : reactor_(reactor), action_(std::move(action)) {}
  ~LazyTimer() { reactor_.cancel(timer_); }
  LazyTimer(const LazyTimer&) = delete;
  LazyTimer& operator=(const LazyTimer&) = delete;

  void set(Time due) {
    due_ = due;
    if (timer_ != 0 && armed_for_ <= due) return;
    reactor_.cancel(timer_);
    armed_for_ = due;
    timer_ = reactor_.call_at(due, [this] { fired(); });
  }
  void clear() { due_ = Time::max(); }

 private:
  void fired() {
    timer_ = 0;
    if (due_ == Time::max()) return;
    if (reactor_.now() < due_) return set(due_);
    due_ = Time::max();
    action_();
  }

  Reactor& reactor_;
  std::function<void()> action_;
  Time due_ = Time::max();
  Time armed_for_;
  TimerId timer_ = 0;
};

}  // namespace barrio::net
