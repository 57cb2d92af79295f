#include "cli/camera_book.h"

#include <algorithm>
#include <cmath>

namespace barrio::cli {

CameraBook::CameraBook(std::vector<std::string> cameras) : cameras_(std::move(cameras)) {}

void CameraBook::read_line(std::string_view line) {
  auto json = parse_json(line);
  if (!json) return;
  auto read = from_json<emulation::CameraLine>(*json);
  if (!read) return;
  auto& shots = shots_[read->camera];
  for (auto& shot : read->shots) shots.push_back(std::move(shot));
  while (shots.size() > kept_most) shots.pop_front();
}

std::vector<CameraBook::Shot> CameraBook::since(const std::string& camera, int64_t since_ms) const {
  std::vector<Shot> found;
  auto shots = shots_.find(camera);
  if (shots == shots_.end()) return found;
  for (const Shot& shot : shots->second) {
    if (shot.sent_ms >= since_ms) found.push_back(shot);
  }
  return found;
}

Percentiles percentiles(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  auto at = [&](double share) {
    const auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(values.size())));
    return values[std::clamp<size_t>(rank, 1, values.size()) - 1];
  };
  return {at(0.50), at(0.99)};
}

}  // namespace barrio::cli
