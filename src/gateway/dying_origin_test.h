#pragma once
// For tests: a replica that reads whole requests and answers them with given bytes, of which it may send only some
// before it closes or resets the connection, or none for ever. Lives on the test's reactor.

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/http1_parser.h"
#include "net/listener.h"

namespace barrio::gateway::test {

/// What becomes of one answer.
struct Fate {
  size_t bytes = std::string::npos;  // sent of the answer; all of it: the connection lives on
  bool reset = false;                // else closed in order
  bool silent = false;               // nothing is sent, nothing is closed
};

class DyingOrigin {
 public:
  DyingOrigin(net::Reactor& reactor, std::string path, std::string answer)
      : path_(std::move(path)),
        answer_(std::move(answer)),
        reactor_(reactor),
        listener_(reactor, [this](int fd, const net::SocketAddress&) { accepted(fd); }) {
    ::unlink(path_.c_str());
    listening_ = listener_.open(*net::SocketAddress::parse("unix:" + path_)).has_value();
  }
  bool listening() const { return listening_; }
  std::string endpoint() const { return "unix:" + path_; }
  /// Whole requests that have come.
  size_t requests() const { return requests_; }
  size_t open_connections() const {
    return static_cast<size_t>(
        std::ranges::count_if(connections_, [](const auto& connection) { return connection->fd >= 0; }));
  }
  /// Closes every connection, as a process that ends does.
  void drop_all() {
    for (auto& connection : connections_) connection->close(false);
  }
  /// Asked for each request.
  std::function<Fate()> fate = [] { return Fate{}; };

 private:
  struct Connection final : net::IoHandler {
    Connection(DyingOrigin& owner, int socket) : origin(owner), fd(socket) {
      origin.reactor_.watch(fd, EPOLLIN, *this);
    }
    ~Connection() { close(false); }
    void close(bool reset) {
      if (fd < 0) return;
      const linger now{1, 0};
      if (reset) ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
      origin.reactor_.unwatch(fd, *this);
      ::close(fd);
      fd = -1;
    }
    /// Sends what the socket takes; the rest when it is writable.
    void flush() {
      const ssize_t sent = ::send(fd, unsent.data(), unsent.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent > 0) unsent.remove_prefix(static_cast<size_t>(sent));
      const uint32_t wanted = unsent.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT;
      origin.reactor_.change(fd, wanted, *this);
    }
    void on_io(uint32_t events) override {
      if (events & EPOLLOUT) return flush();
      std::array<char, 64 * 1024> buffer;
      const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (got <= 0) return close(false);
      std::string_view input(buffer.data(), static_cast<size_t>(got));
      while (!input.empty() && fd >= 0) {
        if (!parser.complete()) {
          input.remove_prefix(parser.feed(input));
          if (parser.failure().status != 0) return close(true);
          if (!parser.complete()) return;
          body.reset(parser.framing(), parser.head().content_length.value_or(0));
        } else {
          input.remove_prefix(body.step(input).consumed);
        }
        if (!body.done()) continue;
        parser.reset();
        origin.answer(*this);
      }
    }
    DyingOrigin& origin;
    int fd;
    std::string_view unsent;  // of the answer
    net::http1::RequestParser parser{{}};
    net::http1::BodyReader body;
  };

  void accepted(int fd) {
    std::erase_if(connections_, [](const auto& connection) { return connection->fd < 0; });
    connections_.push_back(std::make_unique<Connection>(*this, fd));
  }
  void answer(Connection& connection) {
    ++requests_;
    const Fate now = fate();
    if (now.silent) return;
    connection.unsent = std::string_view(answer_).substr(0, now.bytes);
    const bool cut = connection.unsent.size() < answer_.size();
    connection.flush();
    if (cut) connection.close(now.reset);
  }

  std::string path_;
  std::string answer_;
  net::Reactor& reactor_;
  std::vector<std::unique_ptr<Connection>> connections_;
  net::Listener listener_;
  bool listening_ = false;
  size_t requests_ = 0;
};

}  // namespace barrio::gateway::test
