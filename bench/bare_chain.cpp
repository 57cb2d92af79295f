#include "bare_chain.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "net/thread_priority.h"

namespace barrio::bench {
namespace {

struct Message {
  int64_t due;
  int64_t handed_over;  // to the worker
  int64_t not_counted;
};

int64_t ns(Time time) {
  return time.time_since_epoch().count();
}

bool take(int fd, Message& message) {
  return ::recv(fd, &message, sizeof(message), MSG_WAITALL) == static_cast<ssize_t>(sizeof(message));
}

void give(int fd, const Message& message) {
  (void)!::send(fd, &message, sizeof(message), MSG_NOSIGNAL);
}

std::array<int, 2> tcp_pair() {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* plain = reinterpret_cast<sockaddr*>(&address);
  CHECK(::bind(listener, plain, size) == 0 && ::listen(listener, 1) == 0);
  CHECK(::getsockname(listener, plain, &size) == 0);
  const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(::connect(client, plain, size) == 0);
  const std::array<int, 2> pair{client, ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC)};
  const int on = 1;
  for (const int fd : pair) ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  ::close(listener);
  return pair;
}

std::array<int, 2> unix_pair() {
  std::array<int, 2> pair{-1, -1};
  CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) == 0);
  return pair;
}

/// Hands messages from either descriptor to the other, until one of them ends.
void pass_on(int before, int after, bool to_worker) {
  net::carry_requests();
  std::array<pollfd, 2> both{pollfd{before, POLLIN, 0}, pollfd{after, POLLIN, 0}};
  Message message{};
  while (::poll(both.data(), both.size(), -1) > 0) {
    for (size_t from = 0; from < both.size(); ++from) {
      if (both[from].revents == 0) continue;
      if (!take(both[from].fd, message)) {
        ::shutdown(both[1 - from].fd, SHUT_RDWR);
        return;
      }
      if (from == 0 && to_worker) message.handed_over = ns(net::read_clock());
      give(both[1 - from].fd, message);
    }
  }
}

void work(int fd) {
  net::compute_in_background();
  Message message{};
  while (take(fd, message)) {
    message.not_counted = ns(net::read_clock()) - message.handed_over;
    give(fd, message);
  }
}

}  // namespace

BareChain::BareChain(net::Reactor& reactor)
    : reactor_(reactor), tcp_(tcp_pair()), unix_(unix_pair()), work_(unix_pair()) {
  threads_.emplace_back(pass_on, tcp_[1], unix_[0], false);
  threads_.emplace_back(pass_on, unix_[1], work_[0], true);
  threads_.emplace_back(work, work_[1]);
  reactor_.watch(tcp_[0], EPOLLIN, *this);
}

BareChain::~BareChain() {
  reactor_.unwatch(tcp_[0], *this);
  ::shutdown(tcp_[0], SHUT_RDWR);
  for (auto& thread : threads_) thread.join();
  for (const auto& pair : {tcp_, unix_, work_})
    for (const int fd : pair) ::close(fd);
}

void BareChain::send(Time due) {
  give(tcp_[0], {.due = ns(due), .handed_over = 0, .not_counted = 0});
}

void BareChain::on_io(uint32_t) {
  Message message{};
  if (!take(tcp_[0], message)) return;
  took_ms_.push_back(static_cast<double>(ns(reactor_.fresh_now()) - message.due - message.not_counted) / 1e6);
}

}  // namespace barrio::bench
