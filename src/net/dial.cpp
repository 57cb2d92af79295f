#include "net/dial.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/check.h"
#include "net/dead_peer.h"
#include "net/tls.h"

namespace barrio::net {

namespace {

Error failure(const SocketAddress& address, int error) {
  return {Code::unavailable, std::strerror(error), "connect to " + address.str()};
}

int new_socket(int family) {
  return ::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/// -1 and errno. A socket stays in the namespace that its thread was in when it was made; nothing here parks in
/// between.
int socket_elsewhere(const NetworkNamespace& where, int family) {
  const std::string path = "/proc/" + std::to_string(where.pid) + "/ns/net";
  const int theirs = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (theirs < 0) return -1;
  struct stat seen{};
  int fd = -1;
  int error = ECONNREFUSED;  // that process is gone, and another one has its number
  const bool same = ::fstat(theirs, &seen) == 0 && seen.st_ino == where.inode;
  const int ours = same ? ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC) : -1;
  if (ours >= 0) {
    if (::setns(theirs, CLONE_NEWNET) == 0) {
      fd = new_socket(family);
      error = errno;
      CHECK(::setns(ours, CLONE_NEWNET) == 0);
    } else {
      error = errno;
    }
    ::close(ours);
  }
  ::close(theirs);
  errno = error;
  return fd;
}

}  // namespace

Result<Dialed> dial(const SocketAddress& address) {
  const NetworkNamespace& where = address.network_namespace();
  const int fd = where.pid == 0 ? new_socket(address.family()) : socket_elsewhere(where, address.family());
  if (fd < 0) return fail(failure(address, errno));
  const int on = 1;
  if (!address.is_unix()) ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (!address.is_unix()) notice_dead_peer(fd);
  if (::connect(fd, address.native(), address.native_length()) == 0) return Dialed{fd, true};
  const int error = errno;
  if (error == EINPROGRESS) return Dialed{fd, false};
  ::close(fd);
  return fail(failure(address, error));
}

Result<void> dial_result(int fd, const SocketAddress& address) {
  int error = 0;
  socklen_t length = sizeof(error);
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  if (error != 0) return fail(failure(address, error));
  return {};
}

std::unique_ptr<TlsSession> tls_session(const Endpoint& endpoint) {
  const std::string ip = endpoint.address.is_unix() ? "localhost" : endpoint.address.ip();
  const std::string& name = endpoint.name.empty() ? ip : endpoint.name;
  const char* protocol = endpoint.protocol == Protocol::http2 ? "h2" : "http/1.1";
  return endpoint.tls->session(name, protocol, endpoint.address.str());
}

}  // namespace barrio::net
