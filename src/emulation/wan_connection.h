#pragma once
// One relayed connection: two sockets and, for each direction, what is on its way between them. Owned by the relay.

#include <array>
#include <deque>
#include <functional>
#include <string>

#include "base/rng.h"
#include "emulation/wan.h"
#include "net/stream.h"

namespace barrio::emulation {

class WanConnection;

/// One direction: chunks with the time at which they arrive at the far side.
class WanDirection {
 public:
  WanDirection(net::Reactor& reactor, std::function<void()> due) : reactor_(reactor), due_(std::move(due)) {}
  ~WanDirection() { reactor_.cancel(timer_); }

  void add(std::string_view bytes, Time arrival);
  void add_end(Time arrival);
  /// Hands over what has arrived, and sets the timer for what has not.
  void deliver(net::Stream& to);
  bool full() const { return bytes_ >= most_in_flight; }
  bool ended() const { return end_seen_; }
  bool finished() const { return finished_; }
  size_t in_flight() const { return bytes_; }

 private:
  static constexpr size_t most_in_flight = 256 * 1024;
  struct Chunk {
    Time arrival;
    std::string bytes;  // empty: the end of the stream
  };
  Time in_order(Time arrival);

  net::Reactor& reactor_;
  std::function<void()> due_;
  std::deque<Chunk> chunks_;
  size_t bytes_ = 0;
  Time last_;
  net::TimerId timer_ = 0;
  bool end_seen_ = false;
  bool finished_ = false;
};

class WanConnection {
 public:
  /// `over` is called once, from the loop, and may destroy this.
  WanConnection(net::Reactor& reactor, const WanLink& link, const std::string& from, uint64_t seed, int client,
                std::function<void(WanConnection&)> over);
  ~WanConnection();
  WanConnection(const WanConnection&) = delete;
  WanConnection& operator=(const WanConnection&) = delete;

 private:
  /// One socket's readiness, told apart.
  struct Side final : net::IoHandler {
    Side(net::Reactor& reactor, WanConnection& owner, std::function<void()> due)
        : connection(owner), stream(reactor, *this), outward(reactor, std::move(due)) {}
    void on_io(uint32_t events) override { connection.ready(*this, events); }
    WanConnection& connection;
    net::Stream stream;
    WanDirection outward;  // what this socket has sent, on its way to the other
    bool connected = false;
    bool shut = false;  // its sending side was ended by us
  };

  void connect(const std::string& from);
  void ready(Side& side, uint32_t events);
  void receive(Side& side);
  void forward(Side& from, Side& to);
  void settle(Side& side, Side& other);
  void finish(Time when);
  Time arrival();

  net::Reactor& reactor_;
  const WanLink& link_;
  Rng rng_;
  std::function<void(WanConnection&)> over_;
  Side client_;
  Side server_;
  Time opened_;
  net::TimerId end_ = 0;
};

}  // namespace barrio::emulation
