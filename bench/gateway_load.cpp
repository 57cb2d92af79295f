// Origin and load generator of bench/gateway, in one process on one core, so that the proxy between them has the other
// core to itself. Reads one run a line from standard input as JSON, prints its result as one line of JSON.
//
// A closed loop (`rate` 0) keeps every connection busy; an open loop starts requests at fixed instants, and their time
// counts from then whether a connection was free or not, so a slow proxy hides nothing.

#include <fcntl.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>

#include "base/check.h"
#include "base/json.h"
#include "base/text.h"
#include "gateway_load_h2.h"
#include "net/listener.h"
#include "net/reactor.h"

namespace barrio {
namespace {

struct Run {
  std::string target;
  std::string token;
  int64_t pid = 0;  // of the proxy, whose CPU time is read
  int64_t connections = 64;
  int64_t rate = 0;  // requests a second; 0: closed loop
  int64_t upload = 100;
  bool tls = false;
  bool http2 = false;  // gRPC-like calls, `connections` of them in flight
  double seconds = 1;
  static constexpr std::string_view defaulted[] = {"connections", "rate", "upload", "tls", "http2", "seconds"};
};
BARRIO_DESCRIBE(Run, (), (target, token, pid, connections, rate, upload, tls, http2, seconds))

/// The number of a Content-Length field in a head; 0 without one.
size_t content_length(std::string_view head) {
  for (size_t at = head.find('\n'); at != std::string_view::npos; at = head.find('\n', at + 1)) {
    const std::string_view line = head.substr(at + 1, 15);
    if (line.size() < 15 || (line[0] | 32) != 'c' || (line[8] | 32) != 'l' || line[14] != ':') continue;
    size_t value = 0;
    for (const char c : head.substr(at + 16)) {
      if (c == '\r') return value;
      if (c >= '0' && c <= '9') value = value * 10 + static_cast<size_t>(c - '0');
    }
  }
  return 0;
}

/// Finds the ends of messages in a stream of them. Only for peers that are known to behave.
class Messages {
 public:
  /// True when a message has just ended with this input; `input` is cut to what follows it.
  bool take(std::string_view& input) {
    if (body_left_ == none) {
      const size_t seen = head_.size();
      head_.append(input.substr(0, 16384));
      const size_t end = head_.find("\r\n\r\n", seen < 3 ? 0 : seen - 3);
      if (end == std::string::npos) {
        input = {};
        return false;
      }
      input.remove_prefix(end + 4 - seen);
      head_.resize(end + 2);
      body_left_ = content_length(head_);
    }
    const size_t taken = std::min(body_left_, input.size());
    body_left_ -= taken;
    input.remove_prefix(taken);
    if (body_left_ > 0) return false;
    last_.swap(head_);
    head_.clear();
    body_left_ = none;
    return true;
  }
  const std::string& head() const { return last_; }  // of the message that ended last
  bool between() const { return body_left_ == none && head_.empty(); }

 private:
  static constexpr size_t none = SIZE_MAX;
  std::string head_;
  std::string last_;
  size_t body_left_ = none;
};

/// Answers every request with 200 bytes.
class Origin {
 public:
  explicit Origin(net::Reactor& reactor)
      : reactor_(reactor), listener_(reactor, [this](int fd, const net::SocketAddress&) {
          connections_.push_back(std::make_unique<Connection>(*this, fd));
        }) {}
  Result<net::SocketAddress> listen(const std::string& address) {
    TRY(auto parsed, net::SocketAddress::parse(address));
    return listener_.open(parsed);
  }

 private:
  struct Connection final : net::IoHandler {
    Connection(Origin& origin, int fd) : origin_(origin), fd_(fd) { origin.reactor_.watch(fd, EPOLLIN, *this); }
    void on_io(uint32_t) override {
      static char buffer[128 * 1024];
      const ssize_t got = ::recv(fd_, buffer, sizeof(buffer), 0);
      if (got <= 0) {
        origin_.reactor_.unwatch(fd_, *this);
        ::close(fd_);
        return;
      }
      std::string_view input(buffer, static_cast<size_t>(got));
      while (!input.empty()) {
        if (messages_.take(input)) ::send(fd_, answer().data(), answer().size(), MSG_NOSIGNAL);
      }
    }
    static const std::string& answer() {
      static const std::string text =
          "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 200\r\n\r\n" +
          std::string(200, 'x');
      return text;
    }
    Origin& origin_;
    int fd_;
    Messages messages_;
  };
  net::Reactor& reactor_;
  net::Listener listener_;
  std::vector<std::unique_ptr<Connection>> connections_;
};

class Generator;

/// One connection of the generator, with at most one request on it.
class Sender final : public net::IoHandler {
 public:
  Sender(Generator& generator, net::Reactor& reactor, const net::SocketAddress& target, SSL_CTX* tls);
  ~Sender();
  void send(Time due);

 private:
  void on_io(uint32_t) override;
  void push();
  ssize_t read(char* into, size_t size);
  Generator& generator_;
  net::Reactor& reactor_;
  int fd_ = -1;
  SSL* tls_ = nullptr;
  Messages messages_;
  std::string_view unsent_;
  bool waits_to_write_ = false;
  Time due_{};
};

/// Time on a core of all threads of a process, in microseconds.
double cpu_us(int64_t pid) {
  double sum = 0;
  std::error_code ignored;
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", ignored)) {
    double ns = 0;
    std::ifstream(task.path() / "schedstat") >> ns;
    sum += ns / 1000;
  }
  return sum;
}

JsonObject measure_http2(net::Reactor& reactor, const Run& run) {
  Http2Load load(reactor, *net::SocketAddress::parse(run.target), run.token, run.connections, run.upload);
  load.drive(0.2);
  const double before = cpu_us(run.pid);
  const Time begin = reactor.fresh_now();
  load.drive(run.seconds);
  const double wall = to_ms(reactor.fresh_now() - begin) / 1000;
  const auto answered = static_cast<double>(load.answered);
  return {{"requests", load.answered},
          {"errors", load.errors},
          {"per_s", answered / wall},
          {"cpu_us", (cpu_us(run.pid) - before) / std::max(1.0, answered)}};
}

class Generator {
 public:
  Generator(net::Reactor& reactor, const Run& run, SSL_CTX* tls) : reactor_(reactor), run_(run) {
    request_ = "POST /v2/models/app0/infer HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer " + run.token +
               "\r\nContent-Type: application/octet-stream\r\nContent-Length: " + std::to_string(run.upload) +
               "\r\n\r\n" + std::string(static_cast<size_t>(run.upload), 'u');
    const auto target = net::SocketAddress::parse(run.target);
    CHECK(target);
    for (int64_t i = 0; i < run.connections; ++i)
      senders_.push_back(std::make_unique<Sender>(*this, reactor, *target, tls));
  }

  JsonObject measure() {
    drive(0.2, false);  // connections and pools warm
    const double cpu_before = cpu_us(run_.pid);
    const Time begin = reactor_.fresh_now();
    drive(run_.seconds, true);
    const double wall = to_ms(reactor_.fresh_now() - begin) / 1000;
    const double cpu = cpu_us(run_.pid) - cpu_before;
    std::ranges::sort(latencies_us_);
    const auto at = [&](double share) {
      return latencies_us_.empty()
                 ? 0.0
                 : latencies_us_[static_cast<size_t>(share * static_cast<double>(latencies_us_.size() - 1))];
    };
    return {{"requests", answered_},
            {"errors", errors_},
            {"per_s", static_cast<double>(answered_) / wall},
            {"cpu_us", cpu / std::max<double>(1, static_cast<double>(answered_))},
            {"p50_us", at(0.5)},
            {"p99_us", at(0.99)}};
  }

  const std::string& request() const { return request_; }

  void answered(Sender& sender, Time due, std::string_view head) {
    const bool good = head.substr(9, 3) == "200";
    if (!good) failed(std::string(head.substr(0, head.find('\r'))).c_str());
    if (counting_ && good) {
      ++answered_;
      latencies_us_.push_back(to_ms(reactor_.fresh_now() - due) * 1000);
    }
    next(sender);
  }

  void failed(const char* why) {
    if (++errors_ == 1) std::fprintf(stderr, "%s: %s\n", run_.target.c_str(), why);
    if (errors_ > 100) running_ = false;
  }

 private:
  void next(Sender& sender) {
    if (run_.rate == 0) return running_ ? sender.send(reactor_.now()) : void(free_.push_back(&sender));
    if (due_.empty()) return free_.push_back(&sender);
    sender.send(due_.front());
    due_.pop_front();
  }

  void drive(double seconds, bool counting) {
    running_ = true;
    counting_ = counting;
    const Time begin = reactor_.fresh_now();
    const Time end = begin + from_ms(seconds * 1000);
    if (free_.empty())
      for (auto& sender : senders_) free_.push_back(sender.get());
    if (run_.rate == 0) {
      for (Sender* sender : std::exchange(free_, {})) sender->send(begin);
      while (running_ && reactor_.now() < end) reactor_.turn(10ms);
    } else {
      open_loop(begin, end);
    }
    running_ = false;
    const Time patience = reactor_.fresh_now() + 2s;
    while (free_.size() < senders_.size() && reactor_.now() < patience && errors_ == 0) reactor_.turn(10ms);
  }

  void open_loop(Time begin, Time end) {
    const Duration gap = Duration(1s) / run_.rate;
    for (Time due = begin; due < end;) {
      while (due <= reactor_.fresh_now() && due < end) {
        if (free_.empty()) {
          due_.push_back(due);
        } else {
          Sender* sender = free_.back();
          free_.pop_back();
          sender->send(due);
        }
        due += gap;
      }
      reactor_.turn(std::max(Duration(0), due - reactor_.now()));
    }
  }

  net::Reactor& reactor_;
  const Run& run_;
  std::string request_;
  std::vector<std::unique_ptr<Sender>> senders_;
  std::vector<Sender*> free_;
  std::deque<Time> due_;
  std::vector<double> latencies_us_;
  bool running_ = false;
  bool counting_ = false;
  int64_t answered_ = 0;
  int64_t errors_ = 0;
};

Sender::Sender(Generator& generator, net::Reactor& reactor, const net::SocketAddress& target, SSL_CTX* tls)
    : generator_(generator), reactor_(reactor) {
  fd_ = ::socket(target.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(fd_ >= 0 && ::connect(fd_, target.native(), target.native_length()) == 0);
  if (tls != nullptr) {
    tls_ = SSL_new(tls);
    SSL_set_fd(tls_, fd_);
    CHECK(SSL_connect(tls_) == 1);
    // A read may bring nothing but tickets, and then must not wait: the origin is on this thread too.
    ::fcntl(fd_, F_SETFL, O_NONBLOCK);
  }
  reactor_.watch(fd_, EPOLLIN, *this);
}

Sender::~Sender() {
  SSL_free(tls_);
  if (fd_ < 0) return;
  reactor_.unwatch(fd_, *this);
  ::close(fd_);
}

void Sender::send(Time due) {
  due_ = due;
  unsent_ = generator_.request();
  push();
}

void Sender::push() {
  if (tls_ != nullptr) {
    CHECK(SSL_write(tls_, unsent_.data(), static_cast<int>(unsent_.size())) == static_cast<int>(unsent_.size()));
    return;
  }
  const ssize_t sent = ::send(fd_, unsent_.data(), unsent_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent > 0) unsent_.remove_prefix(static_cast<size_t>(sent));
  if (waits_to_write_ == !unsent_.empty()) return;
  waits_to_write_ = !unsent_.empty();
  reactor_.change(fd_, waits_to_write_ ? EPOLLIN | EPOLLOUT : EPOLLIN, *this);
}

ssize_t Sender::read(char* into, size_t size) {
  return tls_ != nullptr ? SSL_read(tls_, into, static_cast<int>(size)) : ::recv(fd_, into, size, 0);
}

void Sender::on_io(uint32_t events) {
  if (events & EPOLLOUT) push();
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
  static char buffer[64 * 1024];
  const ssize_t got = read(buffer, sizeof(buffer));
  if (got <= 0 && tls_ != nullptr && SSL_get_error(tls_, static_cast<int>(got)) == SSL_ERROR_WANT_READ) return;
  if (got <= 0) {
    reactor_.unwatch(fd_, *this);
    ::close(fd_);
    fd_ = -1;
    return generator_.failed("the proxy closed the connection");
  }
  std::string_view input(buffer, static_cast<size_t>(got));
  if (messages_.take(input)) generator_.answered(*this, due_, messages_.head());
}

int serve(const std::string& tcp, const std::string& unix_path) {
  net::Reactor reactor;
  Origin over_tcp(reactor);
  Origin over_unix(reactor);
  Http2Origin over_http2(reactor);
  const auto http2 = over_http2.listen();
  if (!over_tcp.listen(tcp) || !over_unix.listen(unix_path) || !http2) return 1;
  std::printf("%s\n", print_json(JsonObject{{"http2_port", http2->port()}}).c_str());
  std::fflush(stdout);
  SSL_CTX* tls = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
  std::string line;
  while (std::getline(std::cin, line)) {
    const auto json = parse_json(line);
    const auto run = json ? from_json<Run>(*json) : Result<Run>(fail(json.error()));
    if (!run) {
      std::fprintf(stderr, "bench_gateway_load: %s\n", run.error().text().c_str());
      return 2;
    }
    const JsonObject result =
        run->http2 ? measure_http2(reactor, *run) : Generator(reactor, *run, run->tls ? tls : nullptr).measure();
    std::printf("%s\n", print_json(result).c_str());
    std::fflush(stdout);
  }
  SSL_CTX_free(tls);
  return 0;
}

}  // namespace
}  // namespace barrio

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: bench_gateway_load 127.0.0.1:PORT unix:PATH\n");
    return 2;
  }
  return barrio::serve(argv[1], argv[2]);
}
