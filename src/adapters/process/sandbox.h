#pragma once
// One program in a sandbox that bubblewrap makes (docs/programs.md, docs/adr/0021). A child of this process, which ends
// with it. What the program can see, and what it cannot do, is decided in sandbox.cpp and sandbox_filter.cpp.

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "adapters/process/control_group.h"
#include "base/owned_descriptor.h"
#include "net/child_process.h"

namespace barrio::adapters {

struct SandboxSpec {
  std::string bwrap;   // the program bubblewrap
  std::string folder;  // of this site's, absolute; nothing else of it is seen than
  std::string files;   // the program's, a path within: /app
  std::string etc;     // a path within, with passwd, group, hosts, nsswitch.conf: /etc
  std::string host_name;
  std::vector<std::string> words;        // what is executed in /app
  std::vector<std::string> environment;  // "NAME=value"
  uid_t user = 0;                        // of this machine, and nobody else's: who it is outside
  Bytes memory;
  Bytes scratch;  // /tmp
  int processes = 64;
  int open_files = 1024;
  std::string log_file;
};

/// Everything that the program is shown, as bwrap's options.
std::vector<std::string> sandbox_options(const SandboxSpec& spec);
/// A file with what it may ask the kernel for. `counts_memory`: a control group does; else memory that no process has
/// mapped is refused, too, since nobody would see it. Errors: unavailable.
Result<OwnedDescriptor> sandbox_filter(bool counts_memory);

class Sandbox {
 public:
  /// `group`: what it joins; none: rlimits alone limit it. Errors: exhausted, unavailable.
  static Result<Sandbox> start(const SandboxSpec& spec, std::optional<ControlGroup> group);
  /// Kills all that runs in it.
  ~Sandbox();
  Sandbox(Sandbox&&) noexcept = default;
  Sandbox& operator=(Sandbox&&) = delete;

  /// The first process of its namespaces, as this machine counts; it lives as long as they do. None: not made yet.
  std::optional<pid_t> first_process();
  /// How it ended, in words. Does not wait.
  std::optional<std::string> ended();
  /// Asks the program to end (SIGTERM).
  void terminate();
  void kill();
  bool has_group() const { return group_.has_value(); }
  /// Blocks.
  Result<SandboxUsage> usage() const;
  bool ran_out_of_memory() const { return group_ && group_->ran_out_of_memory(); }

 private:
  Sandbox(net::ChildProcess child, OwnedDescriptor news, std::optional<ControlGroup> group)
      : group_(std::move(group)), child_(std::move(child)), news_(std::move(news)) {}

  std::optional<ControlGroup> group_;
  net::ChildProcess child_;
  OwnedDescriptor news_;  // what bwrap says of it
  std::string said_;
  pid_t first_ = 0;
};

}  // namespace barrio::adapters
