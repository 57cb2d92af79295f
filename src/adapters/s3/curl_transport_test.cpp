#include <doctest/doctest.h>
// doctest first: base/check.h leaves its CHECK alone.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "adapters/s3/transport.h"

namespace barrio::adapters::s3::curl_transport_test {

namespace {

/// Takes one connection, reads until `until`, says `answer`, and hangs up.
class OneAnswer {
 public:
  OneAnswer(std::string until, std::string answer) : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(listener_, 1) == 0);
    REQUIRE(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    endpoint = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this, until = std::move(until), answer = std::move(answer)] {
      const int peer = ::accept(listener_, nullptr, nullptr);
      char bytes[4096];
      while (seen.find(until) == std::string::npos) {
        const ssize_t got = ::read(peer, bytes, sizeof bytes);
        if (got <= 0) break;
        seen.append(bytes, static_cast<size_t>(got));
      }
      static_cast<void>(::write(peer, answer.data(), answer.size()));
      ::close(peer);
    });
  }
  ~OneAnswer() {
    if (thread_.joinable()) thread_.join();
    ::close(listener_);
  }
  void join() { thread_.join(); }

  std::string endpoint;
  std::string seen;  // once it is joined

 private:
  int listener_;
  std::thread thread_;
};

}  // namespace

TEST_CASE("what is sent over curl is what was said, and the answer is whole" * doctest::test_suite("threads")) {
  OneAnswer server("body", "HTTP/1.1 412 Precondition Failed\r\nX-Amz-Thing: Value\r\nContent-Length: 5\r\n\r\nwords");
  const auto transport = make_curl_transport(server.endpoint, "");
  const auto answer =
      transport->call({"PUT", "/bucket/a%20b/../c?x=%2F", {{"host", "s3.site"}, {"if-none-match", "*"}}, "the body"});
  server.join();
  REQUIRE(answer);
  CHECK(answer->status == 412);
  CHECK(answer->header("x-amz-thing") == "Value");
  CHECK(answer->body == "words");
  CHECK(server.seen.find("PUT /bucket/a%20b/../c?x=%2F HTTP/1.1\r\n") == 0);
  CHECK(server.seen.find("\r\nHost: s3.site\r\n") != std::string::npos);
  CHECK(server.seen.find("\r\nif-none-match: *\r\n") != std::string::npos);
  CHECK(server.seen.find("Expect") == std::string::npos);
  CHECK(server.seen.find("\r\nContent-Length: 8\r\n") != std::string::npos);
}

TEST_CASE("the head of an object has its length and no body" * doctest::test_suite("threads")) {
  OneAnswer server("\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n");
  const auto answer = make_curl_transport(server.endpoint, "")->call({"HEAD", "/bucket/key", {}, ""});
  REQUIRE(answer);
  CHECK(answer->header("content-length") == "4096");
  CHECK(answer->body.empty());
}

TEST_CASE("without a connection nothing was sent; with half an answer nobody knows" * doctest::test_suite("threads")) {
  std::string gone;
  {
    OneAnswer server("\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    gone = server.endpoint;
    CHECK(make_curl_transport(server.endpoint, "")->call({"GET", "/", {}, ""}).error().code == Code::timed_out);
  }
  CHECK(make_curl_transport(gone, "")->call({"GET", "/", {}, ""}).error().code == Code::unavailable);
}

}  // namespace barrio::adapters::s3::curl_transport_test
