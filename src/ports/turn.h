#pragma once
// One fiber at a time: waits its turn at a part of the code that parks in the middle. All on one Runtime's loop.

#include <memory>

#include "ports/runtime.h"

namespace barrio::ports {

class Turn {
 public:
  explicit Turn(Runtime& runtime) : free_(runtime.make_signal()) {}

  /// Holds the turn for its scope, also when its fiber is unwound.
  class Hold {
   public:
    explicit Hold(Turn& turn) : turn_(turn) {
      while (turn_.taken_) turn_.free_->wait_until(Time::max());
      turn_.taken_ = true;
    }
    ~Hold() {
      turn_.taken_ = false;
      turn_.free_->notify();
    }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    Turn& turn_;
  };

 private:
  std::unique_ptr<Signal> free_;
  bool taken_ = false;
};

}  // namespace barrio::ports
