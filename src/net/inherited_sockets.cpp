#include "net/inherited_sockets.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "base/text.h"

namespace barrio::net {

namespace {

std::optional<uint64_t> number_in(const char* variable) {
  const char* text = std::getenv(variable);
  return text == nullptr ? std::nullopt : parse_uint(text);
}

Result<SocketAddress> listening_address(int fd) {
  const std::string where = "descriptor " + std::to_string(fd) + " of LISTEN_FDS";
  int listens = 0;
  socklen_t size = sizeof(listens);
  if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0) {
    return fail(Code::invalid, "must be a listening stream socket", where);
  }
  sockaddr_storage bound{};
  socklen_t length = sizeof(bound);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &length) != 0) {
    return fail(Code::invalid, "has no address", where);
  }
  return SocketAddress::from_native(bound, length);
}

}  // namespace

InheritedSockets::~InheritedSockets() {
  for (const Socket& socket : sockets_) ::close(socket.fd);
}

Result<InheritedSockets> InheritedSockets::from_environment() {
  const auto pid = number_in("LISTEN_PID");
  const auto count = number_in("LISTEN_FDS");
  for (const char* variable : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) ::unsetenv(variable);
  if (!pid || !count || *pid != static_cast<uint64_t>(::getpid())) return InheritedSockets();
  if (*count > most) return fail(Code::invalid, "must be at most " + std::to_string(most), "LISTEN_FDS");
  std::vector<int> descriptors;
  for (int i = 0; i < static_cast<int>(*count); ++i) descriptors.push_back(first_descriptor + i);
  return of(descriptors);
}

Result<InheritedSockets> InheritedSockets::of(const std::vector<int>& descriptors) {
  InheritedSockets inherited;
  for (const int fd : descriptors) {
    TRY(auto address, listening_address(fd));
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    inherited.sockets_.push_back({fd, address});
  }
  return inherited;
}

std::optional<int> InheritedSockets::take(const SocketAddress& address) {
  for (auto socket = sockets_.begin(); socket != sockets_.end(); ++socket) {
    const bool any_port = !address.is_unix() && address.port() == 0 && socket->address.family() == address.family() &&
                          socket->address.ip() == address.ip();
    if (!any_port && socket->address.str() != address.str()) continue;
    const int fd = socket->fd;
    sockets_.erase(socket);
    return fd;
  }
  return std::nullopt;
}

std::string InheritedSockets::text() const {
  std::vector<std::string> all;
  for (const Socket& socket : sockets_) all.push_back(socket.address.str());
  return join_text(std::span<const std::string>(all), ", ");
}

}  // namespace barrio::net
