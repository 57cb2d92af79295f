#pragma once
// SIGINT and SIGTERM as an event of a reactor; SIGPIPE ignored.

#include <functional>

#include "net/reactor.h"

namespace barrio::cli {

class StopSignals final : public net::IoHandler {
 public:
  /// Blocks the signals for this thread and those it starts afterwards: make it before any thread.
  StopSignals(net::Reactor& reactor, std::function<void()> stop);
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  void on_io(uint32_t events) override;

 private:
  net::Reactor& reactor_;
  std::function<void()> stop_;
  int fd_ = -1;
};

}  // namespace barrio::cli
