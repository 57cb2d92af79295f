#pragma once
// Certificate files, and whether they are others than when they were read last.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/metrics.h"
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

/// To the figures: when the first certificate in each of these files ends; one that cannot be read stays as it was.
/// Reads the disk.
void expose_certificates(Registry& metrics, const std::vector<std::string>& chains);

/// To the log.
void report_reload(const Result<void>& reloaded, const char* what);

}  // namespace barrio::cli
