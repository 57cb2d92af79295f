#pragma once
// A Runtime for tests without fibers: nothing parks. Waiting moves the clock to where it waits for, offloaded work runs
// at once, and spawned bodies run when the test says so.

#include <deque>

#include "ports/runtime.h"

namespace barrio::ports {

class InlineRuntime final : public Runtime {
 public:
  Time now() override { return now_; }
  WallTime wall() override {
    return WallTime(std::chrono::seconds(1'800'000'000)) +
           std::chrono::duration_cast<std::chrono::milliseconds>(now_.time_since_epoch());
  }
  void sleep_until(Time until) override {
    // As with a reactor: stopping ends a sleep that has begun.
    if (now_ < stops_at_ && stops_at_ < until) until = stops_at_;
    now_ = std::max(now_, until);
  }
  void spawn(std::string, std::function<void()> body) override { spawned_.push_back(std::move(body)); }
  void offload(std::function<void()> work) override {
    ++offloads_;
    work();
  }
  std::unique_ptr<Signal> make_signal() override { return std::make_unique<InlineSignal>(*this); }
  Rng& rng() override { return rng_; }
  bool stopping() override { return now_ >= stops_at_; }

  void stop() { stop_at(now_); }
  void stop_at(Time when) { stops_at_ = when; }
  size_t offloads() const { return offloads_; }
  void run_spawned() {
    while (!spawned_.empty()) {
      auto body = std::move(spawned_.front());
      spawned_.pop_front();
      body();
    }
  }

 private:
  class InlineSignal final : public Signal {
   public:
    explicit InlineSignal(InlineRuntime& runtime) : runtime_(runtime) {}
    bool wait_until(Time until) override {
      if (!notified_) runtime_.sleep_until(until);
      return std::exchange(notified_, false);
    }
    void notify() override { notified_ = true; }

   private:
    InlineRuntime& runtime_;
    bool notified_ = false;
  };

  Time now_{};
  Rng rng_{1};
  Time stops_at_ = Time::max();
  size_t offloads_ = 0;
  std::deque<std::function<void()>> spawned_;
};

}  // namespace barrio::ports
