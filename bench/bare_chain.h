#pragma once
// What this machine takes for the hops of a request, with nothing done at any of them: client -> TCP -> thread -> Unix
// socket -> thread -> worker (nice 10) -> back the same way. As many wake-ups as Barrio's own share has, by the same
// kernel, beside the same load: what is left of Barrio's figure above this one is Barrio's doing.

#include <array>
#include <cstdint>
#include <thread>
#include <vector>

#include "net/reactor.h"

namespace barrio::bench {

class BareChain final : public net::IoHandler {
 public:
  /// Starts its three threads. Lives on the reactor's thread.
  explicit BareChain(net::Reactor& reactor);
  ~BareChain();
  BareChain(const BareChain&) = delete;
  BareChain& operator=(const BareChain&) = delete;

  /// One round, whose time counts from `due`.
  void send(Time due);
  /// Milliseconds per round that came back, without the worker's start, which Barrio counts as queue.
  std::vector<double>& took_ms() { return took_ms_; }

  void on_io(uint32_t events) override;

 private:
  net::Reactor& reactor_;
  std::array<int, 2> tcp_{-1, -1};   // here, first thread
  std::array<int, 2> unix_{-1, -1};  // first thread, second thread
  std::array<int, 2> work_{-1, -1};  // second thread, worker
  std::vector<std::thread> threads_;
  std::vector<double> took_ms_;
};

}  // namespace barrio::bench
