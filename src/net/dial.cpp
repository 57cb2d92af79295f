#include "net/dial.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "net/tls.h"

namespace barrio::net {

namespace {

Error failure(const SocketAddress& address, int error) {
  return {Code::unavailable, std::strerror(error), "connect to " + address.str()};
}

}  // namespace

Result<Dialed> dial(const SocketAddress& address) {
  const int fd = ::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return fail(failure(address, errno));
  const int on = 1;
  if (!address.is_unix()) ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
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
