#include "adapters/process/control_group.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "base/owned_descriptor.h"
#include "base/read_file.h"
#include "base/text.h"

namespace barrio::adapters {

namespace {

constexpr int64_t cpu_period_us = 100'000;
constexpr int removal_tries = 50;  // of 10 ms: the kernel takes a moment to end what is in a group

Result<void> put(const std::string& path, const std::string& text) {
  const OwnedDescriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size())) return {};
  return fail(Code::unavailable, "cannot write '" + text + "': " + std::strerror(errno), path);
}

/// Of a file with a line "KEY NUMBER" each. None: it is not there.
std::optional<uint64_t> number_in(const std::string& path, std::string_view key) {
  const auto text = read_file(path);
  if (!text) return std::nullopt;
  for (const std::string_view line : split(*text, '\n')) {
    const size_t space = line.find(' ');
    if (key.empty()) return parse_uint(line);
    if (space != std::string_view::npos && line.substr(0, space) == key) return parse_uint(line.substr(space + 1));
  }
  return std::nullopt;
}

uint64_t killed_in(const std::string& group) {
  return number_in(group + "/memory.events", "oom_kill").value_or(0);
}

}  // namespace

Result<void> ControlGroup::prepare(const std::string& folder, const std::string& left_over) {
  const auto there = read_file(folder + "/cgroup.controllers");
  if (!there) return fail(Code::unsupported, "is no group of cgroups v2: it has no cgroup.controllers", folder);
  const auto words = split(trim(*there), ' ');
  for (const char* controller : {"memory", "cpu", "pids"}) {
    if (std::ranges::find(words, controller) == words.end())
      return fail(Code::unsupported, std::string("has no controller '") + controller + "'", folder);
  }
  const auto handed = put(folder + "/cgroup.subtree_control", "+memory +cpu +pids");
  if (!handed)
    return fail(Code::unsupported, "cannot hand its controllers down: " + handed.error().what, handed.error().where);
  std::error_code problem;
  for (const auto& one : std::filesystem::directory_iterator(folder, problem)) {
    if (one.is_directory(problem) && one.path().filename().string().starts_with(left_over)) ::rmdir(one.path().c_str());
  }
  return {};
}

Result<ControlGroup> ControlGroup::make(const std::string& path, const GroupLimits& limits) {
  if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST)
    return fail(Code::unavailable, std::string("cannot make a group: ") + std::strerror(errno), path);
  ControlGroup group(path);
  const auto quota = std::max<int64_t>(1000, std::llround(limits.cores * static_cast<double>(cpu_period_us)));
  TRY_DO(put(path + "/memory.max", std::to_string(limits.memory.count())));
  // Where the machine has no swap, there is no such file.
  static_cast<void>(put(path + "/memory.swap.max", "0"));
  TRY_DO(put(path + "/memory.oom.group", "1"));
  TRY_DO(put(path + "/cpu.max", std::to_string(quota) + " " + std::to_string(cpu_period_us)));
  TRY_DO(put(path + "/pids.max", std::to_string(limits.processes)));
  if (::access(group.door().c_str(), W_OK) != 0)
    return fail(Code::unavailable, std::string("cannot join the group: ") + std::strerror(errno), path);
  group.killed_before_ = killed_in(path);
  return group;
}

ControlGroup::~ControlGroup() {
  if (path_.empty()) return;
  static_cast<void>(put(path_ + "/cgroup.kill", "1"));
  for (int i = 0; i < removal_tries && ::rmdir(path_.c_str()) != 0 && errno == EBUSY; ++i) ::poll(nullptr, 0, 10);
}

Result<SandboxUsage> ControlGroup::usage() const {
  const auto cpu = number_in(path_ + "/cpu.stat", "usage_usec");
  const auto memory = number_in(path_ + "/memory.current", "");
  const auto processes = number_in(path_ + "/pids.current", "");
  if (!cpu || !memory || !processes) return fail(Code::unavailable, "cannot read its usage", path_);
  return SandboxUsage{std::chrono::microseconds(*cpu), Bytes(static_cast<int64_t>(*memory)),
                      static_cast<int64_t>(*processes)};
}

bool ControlGroup::ran_out_of_memory() const {
  return killed_in(path_) > killed_before_;
}

}  // namespace barrio::adapters
