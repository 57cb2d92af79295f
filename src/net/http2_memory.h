#pragma once
// Memory for nghttp2, which takes a dozen small blocks for every stream and gives them back: kept for the next streams,
// of all connections of a server or client. Of one loop; outlives the sessions that use it.

#include <nghttp2/nghttp2.h>

#include <array>
#include <cstddef>

namespace barrio::net::http2 {

class Memory {
 public:
  /// Kept of what was given back; what is beyond goes to the C library.
  static constexpr size_t most_kept = 1024 * 1024;

  Memory() = default;
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  nghttp2_mem functions();

  // As malloc, free and realloc. Null: there is none.
  void* take(size_t size);
  void give_back(void* block);
  void* resize(void* block, size_t size);
  size_t kept() const { return kept_; }

 private:
  static constexpr size_t step = 64;
  static constexpr size_t kinds = 16;  // of up to `step` bytes, two of them, ...; larger ones are not kept
  /// Before each block.
  struct alignas(std::max_align_t) Block {
    size_t size = 0;        // that fits in
    Block* next = nullptr;  // of those that are kept
  };
  std::array<Block*, kinds> free_{};
  size_t kept_ = 0;
};

}  // namespace barrio::net::http2
