#pragma once
// Listening sockets that this process was started with, by systemd's protocol (sd_listen_fds(3)): from a systemd socket
// unit, or from the process that hands over to this one. Owns those that nobody takes.

#include <optional>
#include <vector>

#include "net/address.h"

namespace barrio::net {

class InheritedSockets {
 public:
  static constexpr int first_descriptor = 3;
  static constexpr int most = 64;

  InheritedSockets() = default;
  ~InheritedSockets();
  InheritedSockets(InheritedSockets&& other) noexcept : sockets_(std::move(other.sockets_)) { other.sockets_.clear(); }
  InheritedSockets& operator=(InheritedSockets&&) = delete;

  /// From LISTEN_PID and LISTEN_FDS, which are removed, so that children do not take them for theirs. None when they
  /// are not there or name another process. Errors: invalid (a descriptor that does not listen).
  static Result<InheritedSockets> from_environment();
  /// Takes these descriptors, close-on-exec from now on. Errors: invalid.
  static Result<InheritedSockets> of(const std::vector<int>& descriptors);

  /// The descriptor that listens at this address, once, to be owned by the caller; port 0 is any port.
  std::optional<int> take(const SocketAddress& address);
  bool empty() const { return sockets_.empty(); }
  /// What nobody has taken: "127.0.0.1:80, unix:/run/x".
  std::string text() const;

 private:
  struct Socket {
    int fd = -1;
    SocketAddress address;
  };
  std::vector<Socket> sockets_;
};

}  // namespace barrio::net
