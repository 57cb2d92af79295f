#include "adapters/process/process_tree.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
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

/// What processes have in memory, in bytes.
struct MemoryUse {
  uint64_t apart = 0;                                  // and on swap
  uint64_t shared = 0;                                 // of it what lies in files in memory, mapped now
  std::map<std::string, uint64_t, std::less<>> areas;  // shared without a file: device and number -> its size

  Bytes sum() const {
    uint64_t whole = 0;
    for (const auto& [area, size] : areas) whole += size;
    return Bytes(static_cast<int64_t>(apart + std::max(shared, whole)));
  }
};

/// Nothing of one that has ended, and is not reaped yet.
void add_mapped(MemoryUse& use, pid_t process) {
  const std::string text = text_of_proc("/proc/" + std::to_string(process) + "/smaps_rollup");
  uint64_t pss = 0;
  uint64_t shared = 0;
  for (const std::string_view line : split(text, '\n')) {
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view key = line.substr(0, colon);
    const std::string_view number = trim(line.substr(colon + 1));
    const uint64_t bytes = parse_uint(number.substr(0, number.find(' '))).value_or(0) * 1024;
    if (key == "Pss" || key == "SwapPss") pss += bytes;
    if (key == "Pss_Shmem") shared += bytes;
  }
  use.apart += pss - std::min(pss, shared);
  use.shared += shared;
}

uint64_t parse_hex(std::string_view text) {
  uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number, 16);
  return number;
}

/// Lines of proc_pid_maps(5): "BEGIN-END rw-s OFFSET DEVICE INODE PATH".
void add_shared_areas(MemoryUse& use, pid_t process) {
  std::ifstream maps("/proc/" + std::to_string(process) + "/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find(" /dev/zero") == std::string::npos) continue;
    const auto fields = split(line, ' ');
    if (fields.size() < 5 || !fields[1].ends_with('s')) continue;
    const size_t dash = fields[0].find('-');
    const uint64_t size = parse_hex(fields[0].substr(dash + 1)) - parse_hex(fields[0].substr(0, dash));
    uint64_t& known = use.areas[std::string(fields[3]) + " " + std::string(fields[4])];
    known = std::max(known, parse_hex(fields[2]) + size);
  }
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
  MemoryUse memory;
  std::vector<pid_t> found = {first};
  for (size_t i = 0; i < found.size() && found.size() < most_looked_at; ++i) {
    const auto fields = stat_fields(found[i]);
    if (fields.size() < 20) continue;  // it has gone meanwhile
    // utime, stime, and those of its children that have ended: fields 14 to 17.
    for (size_t at = 11; at <= 14; ++at)
      sum.cpu += std::chrono::microseconds(static_cast<int64_t>(parse_uint(fields[at]).value_or(0)) * tick);
    if (i != 0) sum.processes += static_cast<int64_t>(parse_uint(fields[17]).value_or(0));
    add_mapped(memory, found[i]);
    add_shared_areas(memory, found[i]);
    for (const pid_t child : children_of(found[i])) found.push_back(child);
  }
  sum.memory = memory.sum();
  if (sum.processes == 0) return fail(Code::unavailable, "its processes have ended");
  return sum;
}

}  // namespace barrio::adapters
