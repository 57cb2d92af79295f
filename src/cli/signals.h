#pragma once
// SIGINT, SIGTERM and SIGHUP as events of a reactor; SIGPIPE ignored.

#include <functional>

#include "net/reactor.h"

namespace barrio::cli {

class StopSignals final : public net::IoHandler {
 public:
  /// Blocks the signals for this thread and those it starts afterwards: make it before any thread.
  /// `hangup` none: SIGHUP is left as it is.
  StopSignals(net::Reactor& reactor, std::function<void()> stop, std::function<void()> hangup = {});
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  void on_io(uint32_t events) override;

 private:
  net::Reactor& reactor_;
  std::function<void()> stop_;
  std::function<void()> hangup_;
  int fd_ = -1;
};

}  // namespace barrio::cli
