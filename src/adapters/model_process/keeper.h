#pragma once
// The thread that starts model processes and looks after them between requests. The kernel ends a child with the thread
// that made it: this one lives as long as the last model that uses it.

#include <functional>
#include <future>
#include <memory>
#include <utility>

#include "net/side_loop.h"

namespace barrio::adapters {

class Keeper {
 public:
  Keeper() { loop_.start(); }

  net::Reactor& reactor() { return loop_.reactor(); }
  /// Runs it on the loop, after all that was posted before, and waits for its end. Not from the loop.
  void call(const std::function<void()>& action) {
    // Shared: the waiter may be gone while the promise is still being kept.
    const auto done = std::make_shared<std::promise<void>>();
    reactor().post([&action, done] {
      action();
      done->set_value();
    });
    done->get_future().wait();
  }
  /// True the first time. On the loop.
  bool first_complaint() { return !std::exchange(complained_, true); }

 private:
  bool complained_ = false;
  net::SideLoop loop_;
};

}  // namespace barrio::adapters
