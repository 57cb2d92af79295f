#include "adapters/process/process_tree.h"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "base/text.h"

namespace barrio::adapters {

namespace {

constexpr size_t most_looked_at = 8192;  // processes of one sandbox

std::string text_of_proc(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// Fields of /proc/PID/stat after the name, which may hold anything: the first is the state, field 3 of proc(5).
std::vector<std::string> stat_fields(pid_t process) {
  const std::string text = text_of_proc("/proc/" + std::to_string(process) + "/stat");
  const size_t name_end = text.rfind(')');
  std::vector<std::string> fields;
  if (name_end == std::string::npos) return fields;
  std::istringstream rest(text.substr(name_end + 1));
  for (std::string field; rest >> field;) fields.push_back(std::move(field));
  return fields;
}

int64_t share_of_memory(pid_t process) {
  const std::string text = text_of_proc("/proc/" + std::to_string(process) + "/smaps_rollup");
  for (const std::string_view line : split(text, '\n')) {
    if (!line.starts_with("Pss:")) continue;
    const std::string_view number = trim(line.substr(4));
    return static_cast<int64_t>(parse_uint(number.substr(0, number.find(' '))).value_or(0)) * 1024;
  }
  return 0;  // it has ended, and is not reaped yet
}

}  // namespace

std::vector<pid_t> children_of(pid_t process) {
  std::vector<pid_t> children;
  std::error_code problem;
  const std::string tasks = "/proc/" + std::to_string(process) + "/task";
  for (std::filesystem::directory_iterator at(tasks, problem), end; !problem && at != end; at.increment(problem)) {
    std::istringstream numbers(text_of_proc(at->path().string() + "/children"));
    for (pid_t child = 0; numbers >> child;) children.push_back(child);
  }
  return children;
}

Result<SandboxUsage> usage_below(pid_t first) {
  const auto tick = 1'000'000 / sysconf(_SC_CLK_TCK);  // microseconds
  SandboxUsage sum;
  int64_t memory = 0;
  std::vector<pid_t> found = {first};
  for (size_t i = 0; i < found.size() && found.size() < most_looked_at; ++i) {
    const auto fields = stat_fields(found[i]);
    if (fields.size() < 20) continue;  // it has gone meanwhile
    // utime, stime, and those of its children that have ended: fields 14 to 17.
    for (size_t at = 11; at <= 14; ++at)
      sum.cpu += std::chrono::microseconds(static_cast<int64_t>(parse_uint(fields[at]).value_or(0)) * tick);
    if (i != 0) sum.processes += static_cast<int64_t>(parse_uint(fields[17]).value_or(0));
    memory += share_of_memory(found[i]);
    for (const pid_t child : children_of(found[i])) found.push_back(child);
  }
  sum.memory = Bytes(memory);
  if (sum.processes == 0) return fail(Code::unavailable, "its processes have ended");
  return sum;
}

}  // namespace barrio::adapters
