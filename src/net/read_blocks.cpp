#include "net/read_blocks.h"

#include <algorithm>
#include <functional>

namespace barrio::net {

std::span<char> ReadBlocks::next() {
  if (present_.use_count() == 1) return *present_;
  taken_.push_back(std::move(present_));
  const auto free = std::ranges::find(taken_, 1, &std::shared_ptr<Block>::use_count);
  if (free != taken_.end()) {
    present_ = std::move(*free);
    taken_.erase(free);
  } else {
    present_ = std::make_shared_for_overwrite<Block>();
    if (taken_.size() > most_known) taken_.pop_front();
  }
  return *present_;
}

std::shared_ptr<const void> ReadBlocks::take(std::string_view piece) const {
  const char* begin = present_->data();
  const bool inside = std::greater_equal<>()(piece.data(), begin) &&
                      std::less_equal<>()(piece.data() + piece.size(), begin + block_bytes);
  return inside ? present_ : nullptr;
}

}  // namespace barrio::net
