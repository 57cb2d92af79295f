#include "cli/log_tail.h"

#include <algorithm>

namespace barrio::cli {

std::vector<std::string> LogTail::news(std::vector<std::string> lines) {
  // The fewest lines that may have left at the front, so that the rest of those before are the first ones now.
  size_t gone = before_.size() > lines.size() ? before_.size() - lines.size() : 0;
  while (!std::equal(before_.begin() + static_cast<std::ptrdiff_t>(gone), before_.end(), lines.begin())) ++gone;
  const size_t known = before_.size() - gone;
  before_ = std::move(lines);
  return {before_.begin() + static_cast<std::ptrdiff_t>(known), before_.end()};
}

}  // namespace barrio::cli
