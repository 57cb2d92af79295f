#include "adapters/process/sandbox.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "adapters/process/process_tree.h"
#include "base/json.h"
#include "base/text.h"

namespace barrio::adapters {

namespace {

// Where bwrap, which has the rights of nobody, finds the site's folder: a place that every Debian has and no sandbox
// needs. It is mounted for this child alone.
constexpr const char* stage = "/mnt";
constexpr int64_t shared_memory_bytes = 1024 * 1024;
constexpr int own_processes = 2;                  // of bwrap itself
constexpr rlim_t longest_log = 64 * 1024 * 1024;  // between two looks at it
constexpr rlim_t thread_stack = 8 * 1024 * 1024;  // reserved for each thread
constexpr const char* preferred_victim = "500";   // where the whole machine runs out of memory
constexpr size_t most_news = 4096;

struct Limit {
  __rlimit_resource resource;
  rlim_t most;
};

/// What the child needs to know between fork and exec.
struct Preparation {
  std::string folder;
  uid_t user = 0;
  std::string door;  // of the control group; empty: there is none
  std::vector<Limit> limits;
};

bool put_in(const char* path, const char* text) {
  const int file = ::open(path, O_WRONLY | O_CLOEXEC);
  const bool put = file >= 0 && ::write(file, text, std::strlen(text)) > 0;
  if (file >= 0) ::close(file);
  return put;
}

/// In the child: only calls that are safe after a fork.
const char* become_nobody(const Preparation& plan) {
  if (!plan.door.empty() && !put_in(plan.door.c_str(), "0")) return "join its control group";
  if (!put_in("/proc/self/oom_score_adj", preferred_victim)) return "set oom_score_adj";
  if (::unshare(CLONE_NEWNS) != 0) return "a mount namespace";
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return "make mounts private";
  if (::mount(plan.folder.c_str(), stage, nullptr, MS_BIND, nullptr) != 0) return "mount its files at /mnt";
  for (const Limit& limit : plan.limits) {
    const rlimit both{limit.most, limit.most};
    if (::setrlimit(limit.resource, &both) != 0) return "set its limits";
  }
  if (::chdir("/") != 0) return "leave this folder";
  // The C library's own would tell all threads, of which there is one.
  if (::syscall(SYS_setgroups, 0, nullptr) != 0 || ::syscall(SYS_setresgid, plan.user, plan.user, plan.user) != 0)
    return "leave its groups";
  return ::syscall(SYS_setresuid, plan.user, plan.user, plan.user) != 0 ? "become a user of its own" : nullptr;
}

std::vector<Limit> limits_of(const SandboxSpec& spec, bool counts_memory) {
  const auto processes = static_cast<rlim_t>(spec.processes);
  std::vector<Limit> limits = {{RLIMIT_NOFILE, static_cast<rlim_t>(spec.open_files)},
                               {RLIMIT_NPROC, processes + own_processes},
                               {RLIMIT_FSIZE, std::max(longest_log, static_cast<rlim_t>(spec.scratch.count()))},
                               {RLIMIT_MEMLOCK, 64 * 1024},
                               {RLIMIT_CORE, 0}};
  // Of each process by itself: all the kernel offers without cgroups. Stacks of threads are reserved, not used.
  if (!counts_memory)
    limits.push_back({RLIMIT_DATA, static_cast<rlim_t>(spec.memory.count()) + processes * thread_stack});
  return limits;
}

Result<OwnedDescriptor> file_in_memory(const std::string& text) {
  OwnedDescriptor file(memfd_create("barrio-sandbox", MFD_CLOEXEC));
  if (file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
      ::lseek(file.get(), 0, SEEK_SET) == 0)
    return file;
  return fail(Code::exhausted, std::string("cannot make a file in memory: ") + std::strerror(errno));
}

/// As the machine has them: links into /usr, or folders.
void add_system_folders(std::vector<std::string>& options) {
  options.insert(options.end(), {"--ro-bind", "/usr", "/usr"});
  std::error_code problem;
  for (const char* path : {"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"}) {
    if (std::filesystem::is_symlink(path, problem)) {
      options.insert(options.end(), {"--symlink", std::filesystem::read_symlink(path, problem).string(), path});
    } else if (std::filesystem::is_directory(path, problem)) {
      options.insert(options.end(), {"--ro-bind", path, path});
    }
  }
  // Which of several programs and libraries a name stands for.
  for (const char* path : {"/etc/alternatives", "/etc/ld.so.cache"})
    options.insert(options.end(), {"--ro-bind-try", path, path});
}

/// bwrap ends as a shell does: 128 and the signal.
std::string in_words_of_bwrap(const std::string& how) {
  constexpr std::string_view status = "ended with status ";
  if (!how.starts_with(status)) return how;
  const auto code = parse_uint(std::string_view(how).substr(status.size())).value_or(0);
  if (code <= 128 || code > 192) return "ended with code " + std::to_string(code);
  const int signal = static_cast<int>(code - 128);
  const char* name = sigdescr_np(signal);
  return "killed by signal " + std::to_string(signal) + " (" + (name != nullptr ? name : "unknown") + ")";
}

}  // namespace

std::vector<std::string> sandbox_options(const SandboxSpec& spec) {
  std::vector<std::string> options = {"--unshare-user",
                                      "--uid",
                                      "65534",
                                      "--gid",
                                      "65534",
                                      "--unshare-ipc",
                                      "--unshare-pid",
                                      "--unshare-net",
                                      "--unshare-uts",
                                      "--unshare-cgroup",
                                      "--hostname",
                                      spec.host_name,
                                      "--die-with-parent",
                                      "--new-session",
                                      "--cap-drop",
                                      "ALL"};
  add_system_folders(options);
  const std::string at = std::string(stage) + "/";
  for (const char* name : {"passwd", "group", "hosts", "nsswitch.conf"})
    options.insert(options.end(), {"--ro-bind", at + spec.etc + "/" + name, std::string("/etc/") + name});
  options.insert(options.end(), {"--proc", "/proc", "--dev", "/dev"});
  options.insert(options.end(), {"--size", std::to_string(shared_memory_bytes), "--tmpfs", "/dev/shm"});
  options.insert(options.end(), {"--perms", "1777", "--size", std::to_string(spec.scratch.count()), "--tmpfs", "/tmp"});
  options.insert(options.end(), {"--ro-bind", at + spec.files, "/app", "--chdir", "/app"});
  // Both are in memory, and would have no limit.
  options.insert(options.end(), {"--remount-ro", "/dev", "--remount-ro", "/"});
  // bwrap itself has none of it: what says which libraries to load counts inside only.
  for (const std::string& variable : spec.environment) {
    const size_t equals = variable.find('=');
    options.insert(options.end(), {"--setenv", variable.substr(0, equals), variable.substr(equals + 1)});
  }
  return options;
}

Result<Sandbox> Sandbox::start(const SandboxSpec& spec, std::optional<ControlGroup> group) {
  std::string options;
  for (const std::string& option : sandbox_options(spec)) options += option + '\0';
  // On no command line, which everybody on the machine can read: secrets are among them.
  TRY(const auto told, file_in_memory(options));
  TRY(const auto filter, sandbox_filter(group.has_value()));
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0)
    return fail(Code::exhausted, std::string("cannot make a pipe: ") + std::strerror(errno));
  OwnedDescriptor news(ends[0]);
  const OwnedDescriptor says(ends[1]);

  net::ChildSpec child;
  const int first = net::handed_over_descriptor;
  child.arguments = {spec.bwrap,
                     "--args",
                     std::to_string(first),
                     "--seccomp",
                     std::to_string(first + 1),
                     "--info-fd",
                     std::to_string(first + 2),
                     "--"};
  child.arguments.insert(child.arguments.end(), spec.words.begin(), spec.words.end());
  child.log_file = spec.log_file;
  child.handed_over = {told.get(), filter.get(), says.get()};
  child.environment.emplace();
  child.prepare = [plan = Preparation{spec.folder, spec.user, group ? group->door() : "",
                                      limits_of(spec, group.has_value())}] { return become_nobody(plan); };
  TRY(auto process, net::ChildProcess::start(std::move(child)));
  return Sandbox(std::move(process), std::move(news), std::move(group));
}

Sandbox::~Sandbox() {
  if (news_) kill();
}

std::optional<pid_t> Sandbox::first_process() {
  if (first_ != 0) return first_;
  std::array<char, 1024> piece{};
  for (ssize_t got = 0; said_.size() < most_news && (got = ::read(news_.get(), piece.data(), piece.size())) > 0;)
    said_.append(piece.data(), static_cast<size_t>(got));
  const auto news = parse_json(said_);
  if (!news || !news->is_object()) return std::nullopt;
  const auto* pid = news->as_object().if_contains("child-pid");
  if (pid == nullptr || !pid->is_int64() || pid->as_int64() <= 1) return std::nullopt;
  first_ = static_cast<pid_t>(pid->as_int64());
  return first_;
}

std::optional<std::string> Sandbox::ended() {
  const auto how = child_.ended();
  if (!how) return std::nullopt;
  return in_words_of_bwrap(*how);
}

void Sandbox::terminate() {
  const auto first = first_process();
  if (child_.ended() || !first) return;
  const auto children = children_of(*first);
  if (!children.empty()) ::kill(children.front(), SIGTERM);
}

/// The first process of a process namespace takes all of it along. While bwrap has not ended, its number is its own.
void Sandbox::kill() {
  const auto first = first_process();
  if (first && !child_.ended()) ::kill(*first, SIGKILL);
  child_.kill();
}

Result<SandboxUsage> Sandbox::usage() const {
  if (group_) return group_->usage();
  if (first_ == 0) return fail(Code::unavailable, "it does not run yet");
  return usage_below(first_);
}

}  // namespace barrio::adapters
