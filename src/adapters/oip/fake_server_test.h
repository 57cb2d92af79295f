#pragma once
// Servers for the tests, each on a thread of its own, as the backend blocks the test's.

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mutex>
#include <thread>

#include "net/server.h"

namespace barrio::adapters::oip::test {

/// Runs a reactor until it is destroyed.
class LoopThread {
 public:
  explicit LoopThread(net::Reactor& reactor) : reactor_(reactor), thread_([&reactor] { reactor.run(); }) {}
  ~LoopThread() {
    reactor_.stop();
    thread_.join();
  }

 private:
  net::Reactor& reactor_;
  std::thread thread_;
};

/// Answers whole messages as it is told to.
class FakeServer {
 public:
  using Answer = std::function<std::optional<net::Response>(const net::Request&)>;

  /// `answer` runs on the server's thread; none: the request is never answered.
  explicit FakeServer(Answer answer)
      : server_(reactor_, {},
                [this, answer = std::move(answer)](net::Request request, net::Responder respond) {
                  auto response = answer(request);
                  const std::lock_guard lock(mutex_);
                  seen_.push_back(std::move(request));
                  if (response)
                    respond(std::move(*response));
                  else
                    unanswered_.push_back(std::move(respond));
                }),
        address_(*server_.listen(*net::SocketAddress::parse("127.0.0.1:0"))),
        thread_(reactor_) {}

  std::string url() const { return "http://" + address_.str(); }
  std::vector<net::Request> seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }

 private:
  net::Reactor reactor_;
  mutable std::mutex mutex_;
  std::vector<net::Request> seen_;
  std::vector<net::Responder> unanswered_;
  net::MessageServer server_;
  net::SocketAddress address_;
  LoopThread thread_;
};

/// Sends the same bytes to everybody who has sent something, and closes.
class RawServer {
 public:
  explicit RawServer(std::string bytes) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const auto any = *net::SocketAddress::parse("127.0.0.1:0");
    REQUIRE(::bind(fd_, any.native(), any.native_length()) == 0);
    REQUIRE(::listen(fd_, 16) == 0);
    sockaddr_storage bound{};
    socklen_t length = sizeof(bound);
    REQUIRE(::getsockname(fd_, reinterpret_cast<sockaddr*>(&bound), &length) == 0);
    address_ = net::SocketAddress::from_native(bound, length);
    thread_ = std::thread([this, bytes = std::move(bytes)] {
      while (true) {
        const int peer = ::accept(fd_, nullptr, nullptr);
        if (peer < 0) return;
        char buffer[4096];
        static_cast<void>(::recv(peer, buffer, sizeof(buffer), 0));
        static_cast<void>(::send(peer, bytes.data(), bytes.size(), MSG_NOSIGNAL));
        ::close(peer);
      }
    });
  }
  ~RawServer() {
    ::shutdown(fd_, SHUT_RDWR);
    thread_.join();
    ::close(fd_);
  }
  std::string authority() const { return address_.str(); }

 private:
  int fd_;
  net::SocketAddress address_;
  std::thread thread_;
};

}  // namespace barrio::adapters::oip::test
