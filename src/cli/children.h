#pragma once
// Child processes of the supervisor: each leads a process group, dies with the supervisor, and is restarted by nobody.

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace barrio::cli {

struct ChildStart {
  std::string name;
  std::vector<std::string> arguments;
  std::string log;           // file, appended to, for what it says
  std::string program = {};  // empty: this same binary
  bool keep_output = false;  // its standard output comes to us
};

class Children {
 public:
  Children() = default;
  /// Ends what still runs.
  ~Children();
  Children(const Children&) = delete;
  Children& operator=(const Children&) = delete;

  /// Returns the reading end of its output, or -1. Errors: unavailable.
  Result<int> start(const ChildStart& start);
  /// kill -9 of the whole process group.
  void kill_group(const std::string& name);
  /// Asks all to end (SIGTERM), waits, then kills what is left. The order is that of starting, reversed.
  void end_all(Duration patience);
  /// Those that ended without being told to, since the last call: "site mad1 (exit 1)".
  std::vector<std::string> take_dead();

 private:
  struct Child {
    std::string name;
    pid_t pid = 0;
  };
  bool reap(const Child& child, int& status);
  std::vector<Child> children_;
};

}  // namespace barrio::cli
