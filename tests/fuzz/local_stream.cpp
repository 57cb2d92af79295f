#include "local_stream.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/check.h"

namespace barrio::fuzz {

net::SocketAddress local_address(std::string_view name) {
  return *net::SocketAddress::parse("unix:/tmp/barrio-fuzz-" + std::to_string(::getpid()) + "-" + std::string(name));
}

LocalStream LocalStream::connect(const net::SocketAddress& address) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(fd >= 0);
  CHECK(::connect(fd, address.native(), address.native_length()) == 0);
  return LocalStream(fd);
}

bool LocalStream::send(std::string_view bytes) const {
  return ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

void LocalStream::end_sending() const {
  ::shutdown(fd_, SHUT_WR);
}

void LocalStream::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

bool LocalStream::poll() {
  std::array<char, 16 * 1024> buffer;
  while (true) {
    const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got <= 0) return got == 0 || errno == ECONNRESET;
    received_.append(buffer.data(), static_cast<size_t>(got));
  }
}

LocalListener::LocalListener(std::string_view name)
    : address_(local_address(name)), fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  ::unlink(address_.str().substr(5).c_str());
  CHECK(::bind(fd_, address_.native(), address_.native_length()) == 0);
  CHECK(::listen(fd_, 16) == 0);
}

LocalListener::~LocalListener() {
  ::close(fd_);
  ::unlink(address_.str().substr(5).c_str());
}

LocalStream LocalListener::accept() const {
  const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
  CHECK(fd >= 0);
  return LocalStream(fd);
}

}  // namespace barrio::fuzz
