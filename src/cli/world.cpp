#include "cli/world.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <chrono>
#include <csignal>

#include "cli/certificates.h"
#include "cli/deploy.h"
#include "cli/live_table.h"
#include "cli/view.h"

namespace barrio::cli {

namespace {

std::vector<std::string> camera_names(const Demo& demo) {
  std::vector<std::string> all;
  for (const DemoCamera& camera : demo.cameras) all.push_back(camera.name);
  return all;
}

int take_signals() {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, signal);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  return ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

}  // namespace

World::World(WorldPlan plan, Screen& screen)
    : plan_(std::move(plan)), screen_(screen), book_(camera_names(plan_.demo)), signals_fd_(take_signals()) {}

World::~World() {
  children_.end_all(8s);
  if (cameras_fd_ >= 0) ::close(cameras_fd_);
  if (signals_fd_ >= 0) ::close(signals_fd_);
}

int64_t World::now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Session World::operator_session() const {
  return {.global = {.home = plan_.home, .as = "operator"}, .home = plan_.home, .http = {}};
}

Result<void> World::start_role(const std::string& name, std::vector<std::string> arguments) {
  TRY_DO(
      children_.start({.name = name, .arguments = std::move(arguments), .log = plan_.home + "/log/" + name + ".log"}));
  return {};
}

std::string WorldPlan::controls(const std::string& scheme) const {
  std::string all;
  for (size_t member = 1; member <= members; ++member) {
    all += (member == 1 ? "" : ",") + scheme + layout.control(member);
  }
  return all;
}

std::string WorldPlan::controls_for_sites() const {
  std::string all;
  for (size_t member = 1; member <= members; ++member) {
    all += (member == 1 ? "https://" : ",https://") + layout.control_tls(member);
  }
  return all;
}

std::string World::control_name(size_t member) const {
  return plan_.members == 1 ? "control" : "control-" + std::to_string(member);
}

Result<void> World::start_control() {
  for (size_t member = 1; member <= plan_.members; ++member) {
    const std::string name = control_name(member);
    TRY_DO(start_role(name, {"control", "--config", config(name)}));
  }
  return {};
}

void World::kill_control() {
  for (size_t member = 1; member <= plan_.members; ++member) children_.kill_group(control_name(member));
}

/// Debian's etcd-server, with times for one machine.
Result<void> World::start_etcd() {
  const Layout& layout = plan_.layout;
  std::string cluster;
  for (size_t member = 1; member <= plan_.members; ++member) {
    cluster += (member == 1 ? "" : ",") + ("etcd-" + std::to_string(member)) + "=" + layout.etcd_peer(member);
  }
  for (size_t member = 1; member <= plan_.members; ++member) {
    const std::string name = "etcd-" + std::to_string(member);
    TRY_DO(
        children_.start({.name = name,
                         .arguments = {"--name", name, "--data-dir", plan_.home + "/etcd/" + name,
                                       "--listen-client-urls", layout.etcd_client(member), "--advertise-client-urls",
                                       layout.etcd_client(member), "--listen-peer-urls", layout.etcd_peer(member),
                                       "--initial-advertise-peer-urls", layout.etcd_peer(member), "--initial-cluster",
                                       cluster, "--heartbeat-interval", "50", "--election-timeout", "250"},
                         .log = plan_.home + "/log/" + name + ".log",
                         .program = etcd_program}));
  }
  return {};
}

Result<void> World::start_site(const SiteId& site) {
  down_.erase(site);
  return start_role("site-" + site.str(), {"site", "serve", "--config", config("site-" + site.str())});
}

void World::kill_site(const SiteId& site) {
  down_.insert(site);
  children_.kill_group("site-" + site.str());
}

Result<void> World::start_cameras() {
  TRY(cameras_fd_, children_.start({.name = "cameras",
                                    .arguments = {"cameras", "--config", config("cameras")},
                                    .log = plan_.home + "/log/cameras.log",
                                    .keep_output = true}));
  ::fcntl(cameras_fd_, F_SETFL, O_NONBLOCK);
  return {};
}

bool World::control_is_up() {
  for (size_t member = 1; member <= plan_.members; ++member) {
    auto address = net::SocketAddress::parse(plan_.layout.control(member));
    if (!address) continue;
    auto answer =
        http_.call(*address, {.method = "GET", .target = "/healthz", .headers = {}, .body = {}, .peer_ip = {}}, 1s);
    if (answer && answer->status == 200) return true;
  }
  return false;
}

Result<Json> World::sites() {
  Session session = operator_session();
  TRY(auto control, session.control(Speaker::operating));
  return control.list("/sites", "sites");
}

/// The operator's part: approves the keys that this program has made for its sites, and no others.
void World::let_sites_in() {
  Session session = operator_session();
  auto control = session.control(Speaker::operating);
  const auto waiting = control ? control->list("/site-keys", "keys") : Result<Json>(fail(control.error()));
  if (!waiting) return;
  for (const Json& key : items(*waiting, "keys")) {
    const std::string site = text_at(key, "site");
    const auto own = text_at(key, "state") == "pending" ? key_in(plan_.home + "/tls/" + site + ".key")
                                                        : Result<PrivateKey>(fail(Code::not_found, ""));
    if (!own || own->fingerprint() != text_at(key, "fingerprint")) continue;
    const auto approved = control->post("/sites/" + site + "/approve", JsonObject{{"fingerprint", own->fingerprint()}});
    if (!approved) screen_.say("site " + site + " is not let in: " + approved.error().text());
  }
}

Result<void> World::wait_until_connected() {
  size_t connected = 0;
  const bool all = wait(60s, [&] {
    let_sites_in();
    auto answer = sites();
    if (!answer) return false;
    connected = 0;
    for (const Json& site : items(*answer, "sites")) connected += true_at(site, "connected");
    return connected == plan_.network.sites.size();
  });
  if (stopping_) return fail(Code::cancelled, "interrupted");
  if (!all) {
    return fail(Code::timed_out, "only " + std::to_string(connected) + " of " +
                                     std::to_string(plan_.network.sites.size()) +
                                     " sites reached control; their logs are in " + plan_.home + "/log");
  }
  return {};
}

Result<void> World::deploy_apps() {
  for (const DemoApp& app : plan_.demo.apps) {
    Session session = operator_session();
    session.global.as = app.tenant.str();
    TRY(auto control, session.control(Speaker::tenant));
    screen_.say("barrio app deploy " + app.file + " --as " + app.tenant.str());
    const DeploySteps steps{.say = [this](const std::string& line) { screen_.say("  " + line); },
                            .pause = [this](Duration duration) { return pause(duration); }};
    TRY(auto explanation, deploy_app(control, app.file, steps));
    screen_.say(explain_table(explanation));
  }
  return {};
}

Result<void> World::start_all() {
  if (plan_.members > 1) {
    screen_.say("starting " + std::to_string(plan_.members) + " members of etcd");
    TRY_DO(start_etcd());
  }
  screen_.say("starting control, the relay and " + std::to_string(plan_.network.sites.size()) + " sites; logs in " +
              plan_.home + "/log");
  TRY_DO(start_control());
  if (!wait(20s, [this] { return control_is_up(); })) {
    return fail(stopping_ ? Code::cancelled : Code::unavailable,
                "control did not start; see " + plan_.home + "/log/control.log");
  }
  TRY_DO(start_role("wan", {"wan", "--config", config("wan")}));
  for (const Site& site : plan_.network.sites) TRY_DO(start_site(site.id));
  TRY_DO(wait_until_connected());
  screen_.say("console: " + plan_.controls("http://"));
  TRY_DO(deploy_apps());
  return start_cameras();
}

void World::read_cameras() {
  char piece[16384];
  ssize_t got = 0;
  while ((got = ::read(cameras_fd_, piece, sizeof piece)) > 0) {
    partial_line_.append(piece, static_cast<size_t>(got));
    size_t end = 0;
    while ((end = partial_line_.find('\n')) != std::string::npos) {
      book_.read_line(std::string_view(partial_line_).substr(0, end));
      partial_line_.erase(0, end + 1);
    }
  }
}

/// Nobody restarts it, so that what a death does can be seen.
std::string World::again_text(const std::string& dead) const {
  const std::string name = dead.substr(0, dead.find(' '));
  const bool is_control = name == "control" || name.starts_with("control-");
  if (!is_control && !name.starts_with("site-")) return "";
  return std::string("; to start it again: barrio ") + (is_control ? "control" : "site serve") + " --config " +
         config(name);
}

bool World::pause(Duration duration) {
  const int64_t until = now_ms() + duration / 1ms;
  do {
    pollfd watched[2] = {{signals_fd_, POLLIN, 0}, {cameras_fd_, POLLIN, 0}};
    const int64_t left = std::max<int64_t>(0, std::min<int64_t>(until - now_ms(), 200));
    ::poll(watched, cameras_fd_ >= 0 ? 2 : 1, static_cast<int>(left));
    if (cameras_fd_ >= 0) read_cameras();
    signalfd_siginfo info;
    while (::read(signals_fd_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) stopping_ = true;
    for (auto& name : children_.take_dead()) {
      screen_.say("ended by itself: " + name + again_text(name));
      dead_.push_back(std::move(name));
    }
    screen_.draw(now_ms(), [this] {
      return live_table(book_, plan_.demo, now_ms()) + "console: http://" + plan_.layout.control() +
             "/   (Ctrl-C ends all)\n";
    });
  } while (!stopping_ && now_ms() < until);
  return !stopping_;
}

bool World::wait(Duration most, const std::function<bool()>& condition) {
  const int64_t until = now_ms() + most / 1ms;
  while (!stopping_) {
    if (condition()) return true;
    if (now_ms() >= until) return false;
    pause(200ms);
  }
  return false;
}

}  // namespace barrio::cli
