#pragma once
// What the cameras reported, kept for a few minutes: the live table and the story's expectations are read from it.

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "emulation/camera_record.h"

namespace barrio::cli {

class CameraBook {
 public:
  using Shot = emulation::Shot;
  explicit CameraBook(std::vector<std::string> cameras);
  /// One line of a camera process's output; a line that is none is skipped.
  void read_line(std::string_view line);
  const std::vector<std::string>& cameras() const { return cameras_; }
  /// Pictures of a camera sent at `since_ms` (1970) or later, oldest first.
  std::vector<Shot> since(const std::string& camera, int64_t since_ms) const;

 private:
  static constexpr size_t kept_most = 1000;  // per camera
  std::vector<std::string> cameras_;
  std::map<std::string, std::deque<Shot>> shots_;
};

/// p50 and p99 by nearest rank; zeros for nothing.
struct Percentiles {
  double p50 = 0;
  double p99 = 0;
};
Percentiles percentiles(std::vector<double> values);

}  // namespace barrio::cli
