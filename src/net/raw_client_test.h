#pragma once
// For tests: a client that sends any bytes, on a blocking socket that is only read when the loop has had its turns.

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <string_view>

#include "net/address.h"

namespace barrio::net::test {

class RawClient {
 public:
  explicit RawClient(const SocketAddress& address) : fd_(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (::connect(fd_, address.native(), address.native_length()) != 0) close();
  }
  ~RawClient() { close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool connected() const { return fd_ >= 0; }
  /// False: the other side is gone. Takes as much as fits the socket's buffer.
  bool send(std::string_view bytes) const {
    return ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) == static_cast<ssize_t>(bytes.size());
  }
  void end_sending() const { ::shutdown(fd_, SHUT_WR); }
  /// With a reset, which overtakes what was sent.
  void reset() {
    const linger now{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close();
  }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  /// Takes what has come; true at the end of the stream.
  bool poll() {
    std::array<char, 64 * 1024> buffer;
    while (true) {
      const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (got <= 0) return got == 0 || errno == ECONNRESET;
      text_.append(buffer.data(), static_cast<size_t>(got));
    }
  }
  const std::string& text() const { return text_; }

 private:
  int fd_;
  std::string text_;
};

}  // namespace barrio::net::test
