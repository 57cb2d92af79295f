#include "cli/layout.h"

#include <sys/socket.h>
#include <unistd.h>

#include "net/address.h"

namespace barrio::cli {

namespace {

bool is_free(const std::string& text) {
  auto address = net::SocketAddress::parse(text);
  if (!address) return false;
  const int fd = ::socket(address->family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const bool bound = ::bind(fd, address->native(), address->native_length()) == 0 && ::listen(fd, 1) == 0;
  ::close(fd);
  return bound;
}

}  // namespace

Result<Layout> Layout::pick() {
  for (int subnet = 20; subnet <= 250; ++subnet) {
    const Layout layout(subnet);
    if (is_free(layout.control()) && is_free(layout.gateway(1))) return layout;
  }
  return fail(Code::unavailable, "no loopback subnet 127.20.0.0/16 to 127.250.0.0/16 is free");
}

std::string Layout::host(size_t third, size_t fourth) const {
  return "127." + std::to_string(subnet_) + "." + std::to_string(third) + "." + std::to_string(fourth);
}

}  // namespace barrio::cli
