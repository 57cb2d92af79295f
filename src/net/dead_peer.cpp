#include "net/dead_peer.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace barrio::net {

void notice_dead_peer(int fd) {
  const auto set = [fd](int level, int name, int value) { ::setsockopt(fd, level, name, &value, sizeof(value)); };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 30);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 10);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  // Also of what is sent and not acknowledged, of which the kernel would try a quarter of an hour.
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(dead_after / 1ms));
}

}  // namespace barrio::net
