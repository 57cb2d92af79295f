#include <doctest/doctest.h>

#include "net/dial.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

namespace barrio::net::dial_test {

namespace {

/// In the child: a network namespace of its own with a listener on its loopback; writes the port to `out`.
[[noreturn]] void listen_alone(int out) {
  uint16_t port = 0;
  ifreq loopback{};
  std::strcpy(loopback.ifr_name, "lo");
  loopback.ifr_flags = IFF_UP | IFF_RUNNING;
  if (unshare(CLONE_NEWNET) == 0) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* native = reinterpret_cast<sockaddr*>(&address);
    if (ioctl(fd, SIOCSIFFLAGS, &loopback) == 0 && bind(fd, native, length) == 0 && listen(fd, 4) == 0 &&
        getsockname(fd, native, &length) == 0)
      port = ntohs(address.sin_port);
  }
  if (write(out, &port, sizeof port) != sizeof port) _exit(1);
  for (;;) pause();
}

}  // namespace

TEST_CASE("an address in another network namespace is text, like others") {
  const auto address = SocketAddress::parse("netns:42:4026532183@127.0.0.1:8080");
  REQUIRE(address);
  CHECK(address->str() == "netns:42:4026532183@127.0.0.1:8080");
  CHECK(address->network_namespace() == NetworkNamespace{42, 4026532183});
  CHECK(address->port() == 8080);
  CHECK_FALSE(*address == *SocketAddress::parse("127.0.0.1:8080"));
  for (const char* bad : {"netns:", "netns:@127.0.0.1:1", "netns:0:5@127.0.0.1:1", "netns:1@127.0.0.1:1",
                          "netns:1:2@unix:/x", "netns:1:2@netns:1:2@127.0.0.1:1", "netns:1:2@", "netns:1:2", "netns"}) {
    CAPTURE(bad);
    CHECK_FALSE(SocketAddress::parse(bad).has_value());
  }
}

TEST_CASE(
    "a connection into a process's network namespace reaches its loopback, and no later process with its number") {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  if (child == 0) listen_alone(ends[1]);
  uint16_t port = 0;
  REQUIRE(read(ends[0], &port, sizeof port) == sizeof port);
  if (port == 0) {
    MESSAGE("SKIPPED: this user may make no network namespace");
  } else {
    struct stat seen{}, before{};
    REQUIRE(stat("/proc/thread-self/ns/net", &before) == 0);
    REQUIRE(stat(("/proc/" + std::to_string(child) + "/ns/net").c_str(), &seen) == 0);
    const auto at = [&](uint64_t inode) {
      return *SocketAddress::parse("netns:" + std::to_string(child) + ":" + std::to_string(inode) +
                                   "@127.0.0.1:" + std::to_string(port));
    };
    const auto dialed = dial(at(seen.st_ino));
    REQUIRE_MESSAGE(dialed, dialed.error().text());
    pollfd writable{dialed->fd, POLLOUT, 0};
    CHECK(poll(&writable, 1, 2000) == 1);
    CHECK(dial_result(dialed->fd, at(seen.st_ino)).has_value());
    close(dialed->fd);
    CHECK(dial(at(seen.st_ino + 1)).error().code == Code::unavailable);
    struct stat own{};
    REQUIRE(stat("/proc/thread-self/ns/net", &own) == 0);
    CHECK(own.st_ino != seen.st_ino);
    CHECK(own.st_ino == before.st_ino);
  }
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(ends[0]);
  close(ends[1]);
}

}  // namespace barrio::net::dial_test
