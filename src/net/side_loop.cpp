#include "net/side_loop.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "base/check.h"

namespace barrio::net {

void SideLoop::start() {
  CHECK(!thread_.joinable());
  // Signals are the main thread's affair: this one inherits a full mask.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { reactor_.run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void SideLoop::stop() {
  if (!thread_.joinable()) return;
  reactor_.stop();
  thread_.join();
}

Duration calendar_offset() {
  const auto read = [](clockid_t clock) {
    timespec spec{};
    CHECK(clock_gettime(clock, &spec) == 0);
    return std::chrono::seconds(spec.tv_sec) + Duration(spec.tv_nsec);
  };
  const Duration before = read(CLOCK_MONOTONIC);
  const Duration wall = read(CLOCK_REALTIME);
  const Duration after = read(CLOCK_MONOTONIC);
  return wall - (before + (after - before) / 2);
}

}  // namespace barrio::net
