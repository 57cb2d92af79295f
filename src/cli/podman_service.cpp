#include "cli/podman_service.h"

#include <poll.h>
#include <sys/mount.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>

#include "cli/files.h"
#include "cli/http.h"

namespace barrio::cli {

namespace {

constexpr Duration poll_period = 50ms;
constexpr const char* image_script = "examples/container/image.sh";

std::string found_program(const std::string& name) {
  for (const char* folder : {"/usr/bin/", "/usr/sbin/", "/bin/", "/usr/local/bin/"}) {
    if (::access((folder + name).c_str(), X_OK) == 0) return folder + name;
  }
  return "";
}

void rest(Duration duration) {
  ::poll(nullptr, 0, static_cast<int>(duration / 1ms));
}

std::string own_program() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).string();
}

std::string last_line(const std::string& path) {
  auto text = read_file(path);
  if (!text) return "";
  while (text->ends_with('\n')) text->pop_back();
  return text->substr(text->rfind('\n') + 1).substr(0, 300);
}

}  // namespace

PodmanService::PodmanService(std::string folder) : folder_(std::move(folder)), socket_(folder_ + "/podman.sock") {}

Result<std::unique_ptr<PodmanService>> PodmanService::start(const std::string& folder) {
  if (::geteuid() != 0) return fail(Code::unsupported, "it needs root");
  for (const char* program : {"podman", "runc", "busybox"}) {
    if (found_program(program).empty())
      return fail(Code::unsupported, "the program " + std::string(program) + " is not installed");
  }
  constexpr size_t longest_path = 100;
  if (folder.size() + 16 > longest_path) return fail(Code::unsupported, "the home folder's path is too long", folder);
  std::unique_ptr<PodmanService> service(new PodmanService(folder));
  if (auto begun = service->begin(); !begun) return fail(Code::unsupported, begun.error().text());
  return service;
}

std::vector<std::string> PodmanService::podman(std::vector<std::string> arguments) const {
  std::vector<std::string> all = {
      found_program("podman"), "--root", folder_ + "/root", "--runroot", folder_ + "/run", "--runtime", "runc"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return all;
}

/// Until it has ended, well.
Result<void> PodmanService::run(std::vector<std::string> arguments, Duration within) const {
  const std::string log = folder_ + "/podman.log";
  const std::string name = arguments.front();
  TRY(auto child, net::ChildProcess::start({.arguments = std::move(arguments), .log_file = log}));
  for (Duration waited{}; waited < within; waited += poll_period) {
    if (const auto how = child.ended()) {
      if (*how == "ended with status 0") return {};
      return fail(Code::unavailable, name + " " + *how + ": " + last_line(log));
    }
    rest(poll_period);
  }
  return fail(Code::timed_out, name + " takes longer than " + to_string(within));
}

Result<void> PodmanService::begin() {
  TRY_DO(make_folder(folder_, 0700));
  static_cast<void>(remove_folder(folder_ + "/podman.log"));
  // Of a run that was killed.
  static_cast<void>(run(podman({"rm", "--all", "--force", "--time", "0"}), 30s));
  ::unlink(socket_.c_str());
  TRY_DO(try_one());
  TRY(auto process,
      net::ChildProcess::start({.arguments = podman({"system", "service", "--time", "0", "unix://" + socket_}),
                                .log_file = folder_ + "/podman.log"}));
  process_ = std::make_unique<net::ChildProcess>(std::move(process));
  TRY(const auto at, net::SocketAddress::parse(address()));
  Http http;
  for (Duration waited{}; waited < 15s; waited += poll_period) {
    const auto answer = http.call(at, {.target = "/v4.0.0/libpod/info"}, 5s);
    if (answer && answer->status == 200) return {};
    if (process_->ended()) break;
    rest(poll_period);
  }
  return fail(Code::unavailable, "podman's service does not start: " + last_line(folder_ + "/podman.log"));
}

Result<void> PodmanService::try_one() {
  const std::string images = folder_ + "/images";
  for (const char* version : {"1", "2"}) TRY_DO(run({image_script, images, version, own_program()}, 60s));
  TRY_DO(run(podman({"load", "--input", images + "/hello-1.tar"}), 30s));
  return run(podman({"run", "--rm", "--network", "none", "--uidmap", "0:1000000:65536", "--memory", "64m",
                     "--read-only", "--entrypoint", "/bin/echo", "localhost/hello:1", "works"}),
             30s);
}

PodmanService::~PodmanService() {
  static_cast<void>(run(podman({"rm", "--all", "--force", "--time", "0"}), 30s));
  if (process_) static_cast<void>(process_->end(Duration::zero()));
  // podman binds its store onto itself.
  ::umount2((folder_ + "/root/overlay").c_str(), MNT_DETACH);
}

}  // namespace barrio::cli
