#pragma once
// SIGINT, SIGTERM (stop), SIGHUP (what it means here, else stop) and SIGUSR2 (upgrade) as events of a reactor; SIGPIPE
// ignored.

#include <functional>

#include "net/reactor.h"

namespace barrio::cli {

class Signals final : public net::IoHandler {
 public:
  /// Blocks the signals for this thread and those it starts afterwards: make it before any thread.
  Signals(net::Reactor& reactor, std::function<void()> stop);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  /// Without one, SIGUSR2 does nothing.
  void on_upgrade(std::function<void()> upgrade) { upgrade_ = std::move(upgrade); }
  /// Without one, SIGHUP stops.
  void on_hangup(std::function<void()> hangup) { hangup_ = std::move(hangup); }
  void on_io(uint32_t events) override;

 private:
  net::Reactor& reactor_;
  std::function<void()> stop_;
  std::function<void()> upgrade_;
  std::function<void()> hangup_;
  int fd_ = -1;
};

}  // namespace barrio::cli
