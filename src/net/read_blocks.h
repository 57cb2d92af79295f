#pragma once
// Where the connections of one loop read to: one block, warm and used again by each read, unless somebody has taken
// what the last one brought, which saves him a copy.

#include <array>
#include <deque>
#include <memory>
#include <span>
#include <string_view>

namespace barrio::net {

class ReadBlocks {
 public:
  static constexpr size_t block_bytes = 128 * 1024;

  /// For the next read. What the last one brought is gone, but for what was taken.
  std::span<char> next();
  /// Owns the block that `piece` lies in. Null: it is no part of what the last read brought.
  std::shared_ptr<const void> take(std::string_view piece) const;

 private:
  using Block = std::array<char, block_bytes>;
  static constexpr size_t most_known = 32;  // that were taken, and may be free again; others end with who took them

  std::shared_ptr<Block> present_ = std::make_shared_for_overwrite<Block>();
  std::deque<std::shared_ptr<Block>> taken_;
};

}  // namespace barrio::net
