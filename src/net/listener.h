#pragma once
// A listening socket, TCP or Unix. Owned by a server; lives on its loop.

#include <functional>
#include <string>

#include "net/address.h"
#include "net/reactor.h"

namespace barrio::net {

class Listener final : public IoHandler {
 public:
  using Accepted = std::function<void(int fd, const SocketAddress& peer)>;
  Listener(Reactor& reactor, Accepted accepted) : reactor_(reactor), accepted_(std::move(accepted)) {}
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  /// Errors: conflict (in use), invalid, unavailable. A Unix socket left over by a dead process is replaced.
  Result<SocketAddress> open(const SocketAddress& address);
  /// Takes over a listening descriptor that this process was started with. Errors: invalid.
  Result<SocketAddress> adopt(int fd);
  /// The descriptor, for another process: a Unix socket's file is not removed by this one any more.
  int share();
  /// Paused, new connections wait in the kernel's queue.
  void pause();
  void resume();
  void close();

 private:
  void on_io(uint32_t events) override;

  Reactor& reactor_;
  Accepted accepted_;
  int fd_ = -1;
  bool watching_ = false;
  TimerId retry_ = 0;
  std::string unix_path_;
};

}  // namespace barrio::net
