#include "soak_site.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "api/oauth/token.h"
#include "base/text.h"
#include "decide/routing/world_test.h"  // the network of one site that the tests use
#include "gateway/gateway.h"

namespace barrio::soak {

namespace {

class Nowhere final : public ports::CoreNetwork {
 public:
  Result<DeviceLocation> locate(std::string_view) const override { return fail(Code::not_found, "no such device"); }
};

/// Answers at once; some answers are large.
void serve(net::Request request, net::Responder respond) {
  const size_t size = request.body.size() % 10 == 7 ? 200'000 : 100;
  respond({.status = 200,
           .headers = {{"Server-Timing", "queue;dur=0.1, compute;dur=0.2"}},
           .body = std::string(size, 'a')});
}

std::string token_signed_by(const Es256Key& key) {
  const WallTime now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  return api::issue_token(key, api::verifying_key(key).kid,
                          {.subject = "acme", .role = "tenant", .scopes = {"barrio:infer"}, .expires = now + 24h * 8},
                          now);
}

/// Never returns. Writes "ADDRESS TOKEN\n" once it serves.
[[noreturn]] void run_site(int ready) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const SiteId site = SiteId::of("bio1");
  const AppKey app{TenantId::of("acme"), AppName::of("street")};
  const std::string path = "/tmp/barrio-soak-" + std::to_string(::getpid());
  const Es256Key key = *Es256Key::generate();
  net::Reactor reactor;
  net::MessageServer replica(reactor, {}, serve);
  Registry registry;
  const Nowhere core;
  gateway::Gateway gateway(reactor, {.site = site, .listen = *net::SocketAddress::parse("127.0.0.1:0")}, core,
                           registry);
  const auto listening = replica.listen(*net::SocketAddress::parse("unix:" + path));
  const auto address = gateway.start();
  if (!listening || !address) std::_Exit(1);

  auto snapshot = decide::test::snapshot_of({decide::test::site_at("bio1", -2.9)}, {decide::test::app_named("street")});
  snapshot->apps[0].spec.objective.latency = 5s;
  snapshot->keys = {api::verifying_key(key)};
  ports::WorkloadStatus status;
  status.app = app;
  status.report.id = replica_id(app, site, 0);
  status.report.phase = ReplicaPhase::ready;
  status.endpoint = "unix:" + path;
  gateway.set_local({status});
  gateway.set_snapshot(std::move(snapshot));
  reactor.post([&] {
    const std::string line = address->str() + " " + token_signed_by(key) + "\n";
    if (::write(ready, line.data(), line.size()) != static_cast<ssize_t>(line.size())) std::_Exit(1);
    ::close(ready);
  });
  reactor.run();
  std::_Exit(0);
}

std::string read_line(int fd) {
  std::string line;
  std::array<char, 4096> buffer;
  while (line.find('\n') == std::string::npos) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got <= 0) break;
    line.append(buffer.data(), static_cast<size_t>(got));
  }
  return line.substr(0, line.find('\n'));
}

}  // namespace

Result<SiteProcess> SiteProcess::start() {
  int ends[2];
  if (::pipe(ends) != 0) return fail(Code::unavailable, "no pipe");
  const pid_t pid = ::fork();
  if (pid < 0) return fail(Code::unavailable, "no process");
  if (pid == 0) {
    ::close(ends[0]);
    run_site(ends[1]);
  }
  ::close(ends[1]);
  const std::string line = read_line(ends[0]);
  ::close(ends[0]);
  const auto words = split(line, ' ');
  const auto address = net::SocketAddress::parse(words[0]);
  if (words.size() != 2 || !address) {
    ::waitpid(pid, nullptr, 0);
    return fail(Code::unavailable, "the site did not start");
  }
  return SiteProcess(pid, *address, std::string(words[1]));
}

SiteProcess::SiteProcess(SiteProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)), gateway_(other.gateway_), token_(std::move(other.token_)) {}

SiteProcess::~SiteProcess() {
  if (pid_ == 0) return;
  ::kill(pid_, SIGTERM);
  ::waitpid(pid_, nullptr, 0);
  ::unlink(("/tmp/barrio-soak-" + std::to_string(pid_)).c_str());
}

bool SiteProcess::alive() const {
  return ::waitpid(pid_, nullptr, WNOHANG) == 0;
}

Footprint SiteProcess::footprint() const {
  const std::string folder = "/proc/" + std::to_string(pid_);
  Footprint found;
  int64_t pages = 0;
  std::ifstream(folder + "/statm") >> pages >> pages;
  found.rss_kib = pages * ::sysconf(_SC_PAGESIZE) / 1024;
  std::error_code none;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder + "/fd", none)) {
    ++found.descriptors;
  }
  return found;
}

}  // namespace barrio::soak
