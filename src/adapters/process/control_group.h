#pragma once
// One group of cgroups v2: what joins it keeps its limits together, and can be counted. Blocks for as long as the
// kernel takes to read or write a small file.

#include <string>
#include <utility>

#include "base/quantity.h"
#include "base/result.h"
#include "base/time.h"

namespace barrio::adapters {

/// What the processes of one sandbox use together.
struct SandboxUsage {
  Duration cpu{};  // since they were started
  Bytes memory;
  int64_t processes = 0;  // and threads
};

struct GroupLimits {
  Bytes memory;  // without any swap
  double cores = 1;
  int64_t processes = 1;  // and threads
};

class ControlGroup {
 public:
  /// Hands the controllers that limits need down into the groups in `folder`, and removes those whose name begins so
  /// and that nobody is in. Errors: unsupported, naming what `folder` lacks.
  static Result<void> prepare(const std::string& folder, const std::string& left_over);
  /// Errors: unavailable, naming the file.
  static Result<ControlGroup> make(const std::string& path, const GroupLimits& limits);
  /// Ends what is in it, and removes it.
  ~ControlGroup();
  ControlGroup(ControlGroup&& other) noexcept
      : path_(std::exchange(other.path_, {})), killed_before_(other.killed_before_) {}
  ControlGroup& operator=(ControlGroup&&) = delete;

  /// The file that one writes "0" into to join.
  std::string door() const { return path_ + "/cgroup.procs"; }
  Result<SandboxUsage> usage() const;
  /// The kernel has ended something in it for its memory, since it was made or taken up again.
  bool ran_out_of_memory() const;

 private:
  explicit ControlGroup(std::string path) : path_(std::move(path)) {}

  std::string path_;
  uint64_t killed_before_ = 0;  // a group that could not be removed is taken up with its history
};

}  // namespace barrio::adapters
