#pragma once
// Certificate files, and whether they are others than when they were read last.

#include <filesystem>
#include <map>
#include <string>

#include "base/result.h"
#include "base/time.h"

namespace barrio::cli {

class WatchedFiles {
 public:
  static constexpr Duration check_period = 10s;

  void watch(const std::string& path);
  /// Since the last call. Looks at the disk.
  bool changed();

 private:
  std::map<std::string, std::filesystem::file_time_type> times_;  // by path
};

/// To the log.
void report_reload(const Result<void>& reloaded, const char* what);

}  // namespace barrio::cli
