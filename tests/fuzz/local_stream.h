#pragma once
// The far end of a connection over a Unix socket, for targets that drive a whole server or client: sends any bytes in
// any pieces and takes what comes, while the caller turns the loop.

#include <string>
#include <string_view>

#include "net/address.h"

namespace barrio::fuzz {

/// "unix:" and a path under /tmp of this process.
net::SocketAddress local_address(std::string_view name);

class LocalStream {
 public:
  static LocalStream connect(const net::SocketAddress& address);
  /// Takes the descriptor.
  explicit LocalStream(int fd) : fd_(fd) {}
  ~LocalStream() { close(); }
  LocalStream(LocalStream&& other) noexcept : fd_(other.fd_), received_(std::move(other.received_)) { other.fd_ = -1; }
  LocalStream& operator=(LocalStream&&) = delete;

  /// False: the other side is gone.
  bool send(std::string_view bytes) const;
  void end_sending() const;
  void close();
  /// Takes what has come; true at the end of the stream.
  bool poll();
  const std::string& received() const { return received_; }

 private:
  int fd_;
  std::string received_;
};

/// A listening Unix socket whose connections are taken when one is known to be there.
class LocalListener {
 public:
  explicit LocalListener(std::string_view name);
  ~LocalListener();
  LocalListener(const LocalListener&) = delete;
  LocalListener& operator=(const LocalListener&) = delete;
  const net::SocketAddress& address() const { return address_; }
  /// Waits for nothing: the connection must have been begun.
  LocalStream accept() const;

 private:
  net::SocketAddress address_;
  int fd_;
};

}  // namespace barrio::fuzz
