#pragma once
// A second reactor on a thread of its own, for what may block or take long beside a data path: writing files,
// formatting and shipping what was recorded. What lives on it is made before start() and destroyed after stop(), when
// its reactor does not run and any thread may use it.

#include <thread>

#include "net/reactor.h"

namespace barrio::net {

class SideLoop {
 public:
  SideLoop() = default;
  ~SideLoop() { stop(); }
  SideLoop(const SideLoop&) = delete;
  SideLoop& operator=(const SideLoop&) = delete;

  Reactor& reactor() { return reactor_; }
  void start();
  /// Ends the loop after its present turn and joins the thread.
  void stop();

 private:
  Reactor reactor_;
  std::thread thread_;
};

/// What to add to a Time to have nanoseconds of the calendar (since 1970, UTC), as both clocks stand now.
Duration calendar_offset();

}  // namespace barrio::net
