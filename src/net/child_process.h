#pragma once
// One child process: started with its limits, told to end, reaped. It dies with its parent (PR_SET_PDEATHSIG), stays in
// the parent's process group, can gain no privileges, and inherits no descriptors but those that its ChildSpec names.

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/quantity.h"
#include "base/result.h"
#include "base/time.h"

namespace barrio::net {

/// The number that the first of ChildSpec::handed_over has in the child; the others follow.
constexpr int handed_over_descriptor = 3;

struct ChildSpec {
  std::vector<std::string> arguments;  // the first is the program
  std::string log_file = {};           // standard output and error, appended; or
  std::optional<int> output = {};      // a descriptor of ours that takes its place
  std::vector<int> handed_over = {};
  std::optional<std::vector<std::string>> environment = {};  // "NAME=value"; none: the same as ours
  std::optional<Bytes> memory = {};                          // RLIMIT_DATA: private memory that can be written
  /// Run in the child before it executes: only calls that are safe after a fork of a process with threads. What failed,
  /// or null. It may change who the child is. Its descriptors are those of the child by then: it opens its own.
  std::function<const char*()> prepare = {};
};

class ChildProcess {
 public:
  /// Call on a thread that lives as long as the child should: the kernel ends the child with the thread that made it.
  /// A program that cannot be executed shows as ended with status 127, its reason in the log. Errors: exhausted,
  /// unavailable.
  static Result<ChildProcess> start(ChildSpec spec);
  /// Kills and reaps it.
  ~ChildProcess();
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;

  pid_t pid() const { return pid_; }
  /// Reaps it if it has ended; how it ended, in words ("killed by signal 9 (Killed)"). Does not wait.
  std::optional<std::string> ended();
  /// Waits `grace` at most for it to end by itself, then kills it; how it ended.
  std::string end(Duration grace);
  /// SIGTERM, SIGKILL; nothing happens when it has ended.
  void terminate();
  void kill();

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}
  void send(int signal);

  pid_t pid_ = -1;
  std::optional<std::string> how_;
};

}  // namespace barrio::net
