#include "cli/children.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace barrio::cli {

namespace {

/// After fork: only what is safe there.
[[noreturn]] void become(const char* program, char* const* arguments, int log, int output) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() == 1) ::_exit(127);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const int null = ::open("/dev/null", O_RDONLY);
  ::dup2(null, STDIN_FILENO);
  ::dup2(output >= 0 ? output : log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::execv(program, arguments);
  ::_exit(127);
}

}  // namespace

Children::~Children() {
  end_all(5s);
}

Result<int> Children::start(const ChildStart& start) {
  const int log = ::open(start.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log < 0) return fail(Code::unavailable, std::string("cannot be opened: ") + std::strerror(errno), start.log);
  int ends[2] = {-1, -1};
  if (start.keep_output && ::pipe2(ends, O_CLOEXEC) != 0) return fail(Code::unavailable, "no pipe", start.name);
  std::vector<std::string> texts = start.arguments;
  texts.insert(texts.begin(), start.program.empty() ? "barrio" : start.program);
  std::vector<char*> arguments;
  for (std::string& text : texts) arguments.push_back(text.data());
  arguments.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0)
    become(start.program.empty() ? "/proc/self/exe" : start.program.c_str(), arguments.data(), log, ends[1]);
  ::close(log);
  if (ends[1] >= 0) ::close(ends[1]);
  if (pid < 0) return fail(Code::unavailable, std::string("cannot be started: ") + std::strerror(errno), start.name);
  ::setpgid(pid, pid);  // here, too: whoever comes first
  children_.push_back({start.name, pid});
  return ends[0];
}

void Children::kill_group(const std::string& name) {
  auto found = std::find_if(children_.begin(), children_.end(), [&](const Child& child) { return child.name == name; });
  if (found == children_.end()) return;
  ::kill(-found->pid, SIGKILL);
  ::waitpid(found->pid, nullptr, 0);
  children_.erase(found);
}

bool Children::reap(const Child& child, int& status) {
  return ::waitpid(child.pid, &status, WNOHANG) == child.pid;
}

void Children::end_all(Duration patience) {
  int status = 0;
  for (auto child = children_.rbegin(); child != children_.rend(); ++child) ::kill(-child->pid, SIGTERM);
  for (Duration waited{}; waited < patience && !children_.empty(); waited += 20ms) {
    std::erase_if(children_, [&](const Child& child) { return reap(child, status); });
    if (!children_.empty()) ::poll(nullptr, 0, 20);
  }
  while (!children_.empty()) kill_group(std::string(children_.back().name));
}

std::vector<std::string> Children::take_dead() {
  std::vector<std::string> dead;
  std::erase_if(children_, [&](const Child& child) {
    int status = 0;
    if (!reap(child, status)) return false;
    const std::string how = WIFEXITED(status) ? "exit " + std::to_string(WEXITSTATUS(status))
                                              : "signal " + std::to_string(WTERMSIG(status));
    dead.push_back(child.name + " (" + how + ")");
    ::kill(-child.pid, SIGKILL);  // its group does not outlive it
    return true;
  });
  return dead;
}

}  // namespace barrio::cli
