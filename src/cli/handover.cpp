#include "cli/handover.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/text.h"
#include "net/inherited_sockets.h"

namespace barrio::cli {

namespace {

constexpr const char* ready_variable = "BARRIO_READY_FD";
constexpr int first_descriptor = net::InheritedSockets::first_descriptor;
constexpr size_t pid_digits = 10;

/// Everything that the child needs, made before the fork: after it, only calls that are safe with other threads.
struct Launch {
  const char* program = nullptr;
  std::vector<char*> arguments;
  std::vector<std::string> environment_text;
  std::vector<char*> environment;
  char* pid_text = nullptr;      // within the environment: LISTEN_PID's digits, for the child to fill in
  std::vector<int> descriptors;  // to become first_descriptor and those that follow
};

bool is_ours(std::string_view variable) {
  for (const std::string_view name : {"LISTEN_PID=", "LISTEN_FDS=", "LISTEN_FDNAMES=", "BARRIO_READY_FD="}) {
    if (variable.starts_with(name)) return true;
  }
  return false;
}

Launch make_launch(const OwnCommand& command, const std::vector<int>& listeners, int pipe) {
  Launch launch;
  launch.program = command.program.c_str();
  for (const std::string& argument : command.arguments) {
    launch.arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  launch.arguments.push_back(nullptr);
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (!is_ours(*variable)) launch.environment_text.emplace_back(*variable);
  }
  launch.environment_text.push_back("LISTEN_FDS=" + std::to_string(listeners.size()));
  const auto pipe_target = first_descriptor + static_cast<int>(listeners.size());
  launch.environment_text.push_back(std::string(ready_variable) + "=" + std::to_string(pipe_target));
  launch.environment_text.push_back("LISTEN_PID=" + std::string(pid_digits, '0'));
  for (std::string& variable : launch.environment_text) launch.environment.push_back(variable.data());
  launch.environment.push_back(nullptr);
  launch.pid_text = launch.environment_text.back().data() + std::strlen("LISTEN_PID=");
  launch.descriptors = listeners;
  launch.descriptors.push_back(pipe);
  return launch;
}

[[noreturn]] void become(Launch& launch) {
  unsigned pid = static_cast<unsigned>(::getpid());
  for (size_t digit = pid_digits; digit-- > 0; pid /= 10) launch.pid_text[digit] = static_cast<char>('0' + pid % 10);
  const int count = static_cast<int>(launch.descriptors.size());
  // Out of the way first: a source may stand where another belongs.
  for (int& fd : launch.descriptors) fd = ::fcntl(fd, F_DUPFD, first_descriptor + count);
  for (int i = 0; i < count; ++i) {
    if (::dup2(launch.descriptors[static_cast<size_t>(i)], first_descriptor + i) < 0) ::_exit(126);
  }
  ::close_range(static_cast<unsigned>(first_descriptor + count), ~0U, CLOSE_RANGE_CLOEXEC);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::execve(launch.program, launch.arguments.data(), launch.environment.data());
  ::_exit(127);
}

std::string how_it_ended(pid_t pid) {
  int status = 0;
  if (::waitpid(pid, &status, 0) != pid) return "it is gone";
  if (WIFSIGNALED(status)) return "it was ended by signal " + std::to_string(WTERMSIG(status));
  return "it ended with status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

OwnCommand own_command() {
  OwnCommand command;
  std::ifstream in("/proc/self/cmdline", std::ios::binary);
  for (std::string argument; std::getline(in, argument, '\0');) command.arguments.push_back(argument);
  std::error_code error;
  const bool named = !command.arguments.empty() && command.arguments.front().find('/') != std::string::npos;
  command.program = named ? std::filesystem::absolute(command.arguments.front(), error).string()
                          : std::filesystem::read_symlink("/proc/self/exe", error).string();
  return command;
}

Result<std::unique_ptr<Successor>> Successor::start(net::Reactor& reactor, const OwnCommand& command,
                                                    const std::vector<int>& listeners, Duration patience, Told told) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    return fail(Code::exhausted, std::string("no pipe: ") + std::strerror(errno), "upgrade");
  }
  Launch launch = make_launch(command, listeners, ends[1]);
  const pid_t pid = ::fork();
  if (pid == 0) become(launch);
  const int error = errno;
  ::close(ends[1]);
  if (pid < 0) {
    ::close(ends[0]);
    return fail(Code::exhausted, std::string("no process: ") + std::strerror(error), command.program);
  }
  return std::unique_ptr<Successor>(new Successor(reactor, pid, ends[0], patience, std::move(told)));
}

Successor::Successor(net::Reactor& reactor, pid_t pid, int pipe, Duration patience, Told told)
    : reactor_(reactor), pid_(pid), pipe_(pipe), told_(std::move(told)) {
  reactor_.watch(pipe_, EPOLLIN, *this);
  timer_ = reactor_.call_after(patience, [this] {
    ::kill(pid_, SIGKILL);
    end(fail(Code::timed_out, "it did not become ready in time; " + how_it_ended(pid_), "upgrade"));
  });
}

Successor::~Successor() {
  reactor_.cancel(timer_);
  if (pipe_ < 0) return;
  reactor_.unwatch(pipe_, *this);
  ::close(pipe_);
}

void Successor::on_io(uint32_t) {
  char byte = 0;
  const ssize_t got = ::read(pipe_, &byte, 1);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got == 1) return end({});
  // Closed without a word: it has ended, or is about to.
  ::kill(pid_, SIGKILL);
  end(fail(Code::unavailable, how_it_ended(pid_) + " before it was ready", "upgrade"));
}

void Successor::end(Result<void> result) {
  reactor_.cancel(timer_);
  timer_ = 0;
  reactor_.unwatch(pipe_, *this);
  ::close(pipe_);
  pipe_ = -1;
  const Told told = std::move(told_);
  told(std::move(result));  // may destroy this
}

Predecessor Predecessor::from_environment() {
  const char* text = std::getenv(ready_variable);
  const auto number = text == nullptr ? std::nullopt : parse_uint(text);
  ::unsetenv(ready_variable);
  if (!number || *number > 1024) return Predecessor(-1);
  const int fd = static_cast<int>(*number);
  if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) return Predecessor(-1);
  return Predecessor(fd);
}

Predecessor::Predecessor(Predecessor&& other) noexcept : pipe_(std::exchange(other.pipe_, -1)) {}

Predecessor::~Predecessor() {
  if (pipe_ >= 0) ::close(pipe_);
}

void Predecessor::say_ready() {
  if (pipe_ < 0) return;
  // If it is gone already there is nobody to tell.
  [[maybe_unused]] const ssize_t written = ::write(pipe_, "1", 1);
  ::close(std::exchange(pipe_, -1));
}

void notify_systemd() {
  const char* path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  if (path == nullptr || std::strlen(path) >= sizeof(address.sun_path)) return;
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path);
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path));
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  const std::string state = "READY=1\nMAINPID=" + std::to_string(::getpid());
  ::sendto(fd, state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), length);
  ::close(fd);
}

}  // namespace barrio::cli
