#include "net/listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/log.h"
#include "net/dead_peer.h"

namespace barrio::net {

namespace {

constexpr int backlog = 1024;
constexpr int accepts_per_turn = 64;
/// Without free descriptors, accepting again at once would only spin.
constexpr Duration retry_after = 100ms;

tl::unexpected<Error> system_failure(const SocketAddress& address, int error) {
  const Code code = error == EADDRINUSE                                            ? Code::conflict
                    : error == EADDRNOTAVAIL || error == EACCES || error == ENOENT ? Code::invalid
                                                                                   : Code::unavailable;
  return fail(code, std::strerror(error), "listen on " + address.str());
}

/// Removes the socket file of a process that is gone. A live one stays, and bind() then says that it is in use.
void remove_stale(const SocketAddress& address, const std::string& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return;
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return;
  const bool dead = ::connect(probe, address.native(), address.native_length()) != 0 && errno == ECONNREFUSED;
  ::close(probe);
  if (dead) ::unlink(path.c_str());
}

}  // namespace

Listener::~Listener() {
  close();
}

Result<SocketAddress> Listener::open(const SocketAddress& address) {
  std::string path;
  if (address.is_unix()) {
    path = reinterpret_cast<const sockaddr_un*>(address.native())->sun_path;
    remove_stale(address, path);
  }
  const int fd = ::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return system_failure(address, errno);
  const int on = 1;
  if (!address.is_unix()) ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (!address.is_unix()) notice_dead_peer(fd);
  sockaddr_storage bound{};
  socklen_t length = sizeof(bound);
  if (::bind(fd, address.native(), address.native_length()) != 0 || ::listen(fd, backlog) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &length) != 0) {
    const int error = errno;
    ::close(fd);
    return system_failure(address, error);
  }
  fd_ = fd;
  unix_path_ = path;
  resume();
  return SocketAddress::from_native(bound, length);
}

Result<SocketAddress> Listener::adopt(int fd) {
  sockaddr_storage bound{};
  socklen_t length = sizeof(bound);
  const int flags = ::fcntl(fd, F_GETFL);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &length) != 0 || flags < 0 ||
      ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
    const int error = errno;
    ::close(fd);
    return fail(Code::invalid, std::strerror(error), "the listening descriptor that was handed over");
  }
  fd_ = fd;
  if (bound.ss_family != AF_UNIX) notice_dead_peer(fd);
  if (bound.ss_family == AF_UNIX) unix_path_ = reinterpret_cast<const sockaddr_un*>(&bound)->sun_path;
  resume();
  return SocketAddress::from_native(bound, length);
}

int Listener::share() {
  unix_path_.clear();
  return fd_;
}

void Listener::pause() {
  if (!watching_) return;
  reactor_.unwatch(fd_, *this);
  watching_ = false;
}

void Listener::resume() {
  if (watching_ || fd_ < 0) return;
  reactor_.watch(fd_, EPOLLIN, *this);
  watching_ = true;
}

void Listener::close() {
  reactor_.cancel(retry_);
  pause();
  if (fd_ < 0) return;
  ::close(fd_);
  fd_ = -1;
  if (!unix_path_.empty()) ::unlink(unix_path_.c_str());
}

void Listener::on_io(uint32_t) {
  for (int i = 0; i < accepts_per_turn && watching_; ++i) {
    sockaddr_storage peer{};
    socklen_t length = sizeof(peer);
    const int fd = ::accept4(fd_, reinterpret_cast<sockaddr*>(&peer), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ECONNABORTED) return;
      log_warning("cannot accept connections for now", {{"error", std::strerror(errno)}});
      pause();
      retry_ = reactor_.call_after(retry_after, [this] { resume(); });
      return;
    }
    const int on = 1;
    if (peer.ss_family != AF_UNIX) ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    accepted_(fd, SocketAddress::from_native(peer, length));
  }
}

}  // namespace barrio::net
