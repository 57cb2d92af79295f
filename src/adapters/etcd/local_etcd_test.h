#pragma once
// A real etcd cluster on free loopback ports for the tests, and a loop without fibers to call it from.

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <optional>

#include "adapters/etcd/etcd_members.h"
#include "net/child_process.h"
#include "net/client.h"
#include "net/reactor.h"

namespace barrio::adapters {

/// A Runtime that blocks: waits turn the reactor.
class BlockingLoop final : public ports::Runtime {
 public:
  explicit BlockingLoop(size_t most_answer = 16 * 1024 * 1024) : most_(most_answer) {}
  Time now() override { return reactor_.fresh_now(); }
  WallTime wall() override { return {}; }
  void sleep_until(Time until) override {
    while (now() < until) reactor_.turn(until - now());
  }
  void spawn(std::string, std::function<void()> body) override { body(); }
  void offload(std::function<void()> work) override { work(); }
  std::unique_ptr<ports::Signal> make_signal() override { return std::make_unique<LoopSignal>(*this); }
  Rng& rng() override { return rng_; }
  bool stopping() override { return false; }
  void at(Time when, std::function<void()> action) { reactor_.call_at(when, std::move(action)); }

  etcd::CallEtcd caller() {
    return [this](const net::Endpoint& endpoint, net::Request request, Time deadline) {
      return call(endpoint, std::move(request), deadline);
    };
  }
  /// As if every failed call had been sent, but one whose connection was refused.
  tl::expected<net::Response, net::CallError> call(const net::Endpoint& endpoint, net::Request request, Time deadline) {
    std::optional<Result<net::Response>> answer;
    client_.fetch(
        endpoint, std::move(request), deadline, [&](Result<net::Response> got) { answer = std::move(got); }, most_);
    while (!answer) reactor_.turn(100ms);
    if (*answer) return std::move(**answer);
    return tl::unexpected(net::CallError{answer->error(), true});
  }

 private:
  class LoopSignal final : public ports::Signal {
   public:
    explicit LoopSignal(BlockingLoop& loop) : loop_(loop) {}
    bool wait_until(Time until) override {
      while (!notified_ && loop_.now() < until) loop_.reactor_.turn(std::min<Duration>(until - loop_.now(), 100ms));
      return std::exchange(notified_, false);
    }
    void notify() override { notified_ = true; }

   private:
    BlockingLoop& loop_;
    bool notified_ = false;
  };

  net::Reactor reactor_;
  net::Client client_{reactor_, net::ClientLimits{.connect_timeout = 300ms}};
  size_t most_;
  Rng rng_{1};
};

/// A port that nobody listens on now.
inline uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&address), length) == 0);
  REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0);
  ::close(fd);
  return ntohs(address.sin_port);
}

class LocalEtcd {
 public:
  explicit LocalEtcd(size_t count) {
    if (!std::filesystem::exists("/usr/bin/etcd")) {
      MESSAGE("skipped: etcd is not installed (package etcd-server)");
      return;
    }
    std::string pattern = (std::filesystem::temp_directory_path() / "barrio-etcd-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    for (size_t i = 0; i < count; ++i) members_.push_back({free_port(), free_port(), {}});
    for (size_t i = 0; i < count; ++i) start(i);
    BlockingLoop loop;
    etcd::Members members(loop, loop.caller(), endpoints(), 2s);
    const auto answer = members.until(loop.now() + 30s, "/kv/range", {{"key", "AA=="}});
    started_ = answer.has_value();
    REQUIRE_MESSAGE(started_, "etcd did not start; see " << folder_);
  }
  ~LocalEtcd() {
    members_.clear();  // kills them
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }
  LocalEtcd(const LocalEtcd&) = delete;
  LocalEtcd& operator=(const LocalEtcd&) = delete;

  bool started() const { return started_; }
  std::vector<net::Endpoint> endpoints() const {
    std::vector<net::Endpoint> all;
    for (const Member& member : members_) all.push_back(endpoint(member));
    return all;
  }
  void start(size_t index) {
    Member& member = members_[index];
    const std::string name = "m" + std::to_string(index);
    auto child = net::ChildProcess::start(
        {.arguments = {"/usr/bin/etcd", "--name", name, "--data-dir", folder_ + "/" + name, "--listen-client-urls",
                       url(member.client), "--advertise-client-urls", url(member.client), "--listen-peer-urls",
                       url(member.peer), "--initial-advertise-peer-urls", url(member.peer), "--initial-cluster",
                       cluster(), "--heartbeat-interval", "50", "--election-timeout", "250"},
         .log_file = folder_ + "/" + name + ".log"});
    REQUIRE(child);
    member.process.emplace(std::move(*child));
  }
  void kill(size_t index) {
    members_[index].process->kill();
    members_[index].process->end(5s);
    members_[index].process.reset();
  }
  void signal(size_t index, int number) const { ::kill(members_[index].process->pid(), number); }
  void signal_all(int number) const {
    for (size_t i = 0; i < members_.size(); ++i) signal(i, number);
  }
  /// Which member leads, as they say themselves.
  size_t leader(BlockingLoop& loop) const {
    for (size_t i = 0; i < members_.size(); ++i) {
      etcd::Members one(loop, loop.caller(), {endpoint(members_[i])}, 2s);
      const auto status = one.until(loop.now() + 5s, "/maintenance/status", {});
      REQUIRE(status);
      const Json* leader = status->if_contains("leader");
      const auto& header = status->at("header").get_object();
      if (leader != nullptr && *leader == header.at("member_id")) return i;
    }
    FAIL("no member leads");
    return 0;
  }

 private:
  struct Member {
    uint16_t client = 0;
    uint16_t peer = 0;
    std::optional<net::ChildProcess> process;
  };
  static std::string url(uint16_t port) { return "http://127.0.0.1:" + std::to_string(port); }
  static net::Endpoint endpoint(const Member& member) {
    return *net::SocketAddress::parse("127.0.0.1:" + std::to_string(member.client));
  }
  std::string cluster() const {
    std::string all;
    for (size_t i = 0; i < members_.size(); ++i) {
      all += (i == 0 ? "m" : ",m") + std::to_string(i) + "=" + url(members_[i].peer);
    }
    return all;
  }

  std::string folder_;
  std::vector<Member> members_;
  bool started_ = false;
};

}  // namespace barrio::adapters
