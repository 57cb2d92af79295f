#include "cli/service_loop.h"

#include <cstdio>
#include <cstdlib>

#include "base/log.h"
#include "base/text.h"
#include "net/thread_priority.h"

namespace barrio::cli {

ServiceLoop::ServiceLoop()
    : signals_(reactor_, [this] { begin_stop(); }), runtime_(reactor_), client_(reactor_, net::ClientLimits{}) {}

void ServiceLoop::fail_with(Error error) {
  if (!error_) error_ = std::move(error);
  reactor_.post([this] { begin_stop(); });
}

void ServiceLoop::begin_stop() {
  if (ending_) return;
  ending_ = true;
  runtime_.begin_stop();
  stop_when_idle(reactor_.fresh_now() + 4s);
}

void ServiceLoop::stop_when_idle(Time latest) {
  if (runtime_.fibers() == 0 || reactor_.now() >= latest) return reactor_.stop();
  reactor_.call_after(20ms, [this, latest] { stop_when_idle(latest); });
}

Result<void> ServiceLoop::run() {
  net::carry_requests();
  reactor_.run();
  if (runtime_.fibers() != 0) {
    // What these fibers stand in is about to be destroyed; everything acknowledged is on disk.
    log_warning("ended with work unfinished",
                {{"fibers", std::to_string(runtime_.fibers())}, {"names", join_text(runtime_.fiber_names(), ", ")}});
    std::fflush(nullptr);
    std::_Exit(1);
  }
  if (error_) return fail(*error_);
  return {};
}

}  // namespace barrio::cli
