#include "adapters/process/child_process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace barrio::adapters {
namespace {

/// In the child, between fork and exec: only calls that are safe after a fork of a process with threads.
[[noreturn]] void become(char* const* arguments, int log, const ChildSpec& spec, pid_t parent) {
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
  const int nothing = open("/dev/null", O_RDONLY);
  dup2(nothing, STDIN_FILENO);
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  execv(arguments[0], arguments);
  const char* reason = strerrordesc_np(errno);
  const char* words[] = {"cannot execute ", arguments[0], ": ", reason != nullptr ? reason : "unknown error", "\n"};
  for (const char* word : words) [[maybe_unused]]
    const ssize_t put = write(STDERR_FILENO, word, strlen(word));
  _exit(127);
}

std::string in_words(int status) {
  if (WIFEXITED(status)) return "ended with status " + std::to_string(WEXITSTATUS(status));
  const int signal = WTERMSIG(status);
  return "killed by signal " + std::to_string(signal) + " (" + strsignal(signal) + ")";
}

}  // namespace

Result<ChildProcess> ChildProcess::start(const ChildSpec& spec) {
  std::vector<char*> arguments;
  for (const std::string& argument : spec.arguments) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const int log = open(spec.log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log < 0)
    return fail(Code::unavailable, std::string("cannot open its log: ") + std::strerror(errno), spec.log_file);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) become(arguments.data(), log, spec, parent);
  const int error = errno;
  close(log);
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

void ChildProcess::terminate() {
  send(SIGTERM);
}

void ChildProcess::kill() {
  send(SIGKILL);
}

void ChildProcess::send(int signal) {
  if (pid_ > 0 && !ended()) ::kill(pid_, signal);
}

}  // namespace barrio::adapters
