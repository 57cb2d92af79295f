#include "net/child_process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace barrio::net {
namespace {

/// Pointers into `texts`, closed by a null pointer, as exec takes them.
std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

/// In the child: its first descriptors, and nothing above them once it executes. `handed_over` has room to be changed.
/// What failed, or null.
const char* arrange_descriptors(int output, std::vector<int>& handed_over) {
  const int first_unwanted = handed_over_descriptor + static_cast<int>(handed_over.size());
  // Out of the way first: each may have a number that another should get.
  for (int& one : handed_over) {
    one = fcntl(one, F_DUPFD_CLOEXEC, first_unwanted);
    if (one < 0) return "move what is handed over";
  }
  output = fcntl(output, F_DUPFD_CLOEXEC, first_unwanted);
  if (output < 0) return "move its output";
  const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (nothing < 0) return "open /dev/null";
  // With the same number, dup2 would leave it to be closed at exec.
  if (nothing == STDIN_FILENO ? fcntl(nothing, F_SETFD, 0) != 0 : dup2(nothing, STDIN_FILENO) < 0) return "its input";
  if (dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0) return "its output";
  for (size_t i = 0; i < handed_over.size(); ++i) {
    if (dup2(handed_over[i], handed_over_descriptor + static_cast<int>(i)) < 0) return "hand descriptors over";
  }
  if (close_range(static_cast<unsigned>(first_unwanted), ~0U, CLOSE_RANGE_CLOEXEC) != 0) return "close the others";
  return nullptr;
}

[[noreturn]] void say_and_end(const char* what, const char* of, const char* reason) {
  const char* words[] = {what, of, ": ", reason != nullptr ? reason : "unknown error", "\n"};
  for (const char* word : words) [[maybe_unused]]
    const ssize_t put = write(STDERR_FILENO, word, strlen(word));
  _exit(127);
}

/// In the child, between fork and exec: only calls that are safe after a fork of a process with threads.
[[noreturn]] void become(char* const* arguments, char* const* environment, int output, ChildSpec& spec, pid_t parent) {
  dup2(output, STDERR_FILENO);
  // Before anything limits how many descriptors it may have: it still has all of its parent's.
  if (const char* failed = arrange_descriptors(output, spec.handed_over))
    say_and_end("cannot arrange its descriptors: ", failed, strerrordesc_np(errno));
  if (spec.prepare) {
    if (const char* failed = spec.prepare()) say_and_end("cannot prepare its start: ", failed, strerrordesc_np(errno));
  }
  // After that: whoever becomes somebody else loses it.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(126);  // it died before the line above
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (spec.memory) {
    const auto bytes = static_cast<rlim_t>(spec.memory->count());
    const rlimit limit{bytes, bytes};
    setrlimit(RLIMIT_DATA, &limit);
  }
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  execve(arguments[0], arguments, environment);
  say_and_end("cannot execute ", arguments[0], strerrordesc_np(errno));
}

std::string in_words(int status) {
  if (WIFEXITED(status)) return "ended with status " + std::to_string(WEXITSTATUS(status));
  const int signal = WTERMSIG(status);
  return "killed by signal " + std::to_string(signal) + " (" + strsignal(signal) + ")";
}

}  // namespace

Result<ChildProcess> ChildProcess::start(ChildSpec spec) {
  const std::vector<char*> arguments = pointers_to(spec.arguments);
  std::vector<char*> environment;
  if (spec.environment) environment = pointers_to(*spec.environment);
  int log = -1;
  if (!spec.output) {
    log = open(spec.log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log < 0)
      return fail(Code::unavailable, std::string("cannot open its log: ") + std::strerror(errno), spec.log_file);
  }
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0)
    become(arguments.data(), spec.environment ? environment.data() : environ, spec.output.value_or(log), spec, parent);
  const int error = errno;
  if (log >= 0) close(log);
  if (pid < 0)
    return fail(Code::exhausted, std::string("cannot start a process: ") + std::strerror(error),
                spec.arguments.front());
  return ChildProcess(pid);
}

ChildProcess::~ChildProcess() {
  if (pid_ < 0 || ended()) return;
  kill();
  waitpid(pid_, nullptr, 0);
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept : pid_(other.pid_), how_(std::move(other.how_)) {
  other.pid_ = -1;
}

std::optional<std::string> ChildProcess::ended() {
  if (how_) return how_;
  int status = 0;
  const pid_t reaped = waitpid(pid_, &status, WNOHANG);
  if (reaped == pid_)
    how_ = in_words(status);
  else if (reaped < 0 && errno == ECHILD)
    how_ = "reaped elsewhere";
  return how_;
}

std::string ChildProcess::end(Duration grace) {
  if (const auto how = ended()) return *how;
  const int handle = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0U));
  if (handle >= 0) {
    pollfd watched{handle, POLLIN, 0};
    poll(&watched, 1, static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(grace).count()));
    close(handle);
  }
  kill();
  int status = 0;
  if (!how_) how_ = waitpid(pid_, &status, 0) == pid_ ? in_words(status) : "reaped elsewhere";
  return *how_;
}

void ChildProcess::terminate() {
  send(SIGTERM);
}

void ChildProcess::kill() {
  send(SIGKILL);
}

void ChildProcess::send(int signal) {
  if (pid_ > 0 && !ended()) ::kill(pid_, signal);
}

}  // namespace barrio::net
