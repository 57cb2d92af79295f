#include "net/http2_memory.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace barrio::net::http2 {

namespace {

/// AddressSanitizer sees a use after free() only of what is freed.
#ifdef __SANITIZE_ADDRESS__
constexpr bool keeps = false;
#else
constexpr bool keeps = true;
#endif

Memory& memory_of(void* user) {
  return *static_cast<Memory*>(user);
}

}  // namespace

Memory::~Memory() {
  for (Block* block : free_) {
    while (block != nullptr) std::free(std::exchange(block, block->next));
  }
}

void* Memory::take(size_t size) {
  const size_t kind = size == 0 ? 0 : (size - 1) / step;
  if (kind < kinds) {
    size = (kind + 1) * step;
    if (Block* kept = free_[kind]) {
      free_[kind] = kept->next;
      kept_ -= size;
      return kept + 1;
    }
  }
  if (size > SIZE_MAX - sizeof(Block)) return nullptr;
  void* fresh = std::malloc(sizeof(Block) + size);
  return fresh == nullptr ? nullptr : new (fresh) Block{.size = size} + 1;
}

void Memory::give_back(void* memory) {
  if (memory == nullptr) return;
  Block* block = static_cast<Block*>(memory) - 1;
  const size_t size = block->size;
  if (!keeps || size > kinds * step || kept_ + size > most_kept) return std::free(block);
  Block*& first = free_[size / step - 1];
  block->next = first;
  first = block;
  kept_ += size;
}

void* Memory::resize(void* memory, size_t size) {
  const size_t now = memory == nullptr ? 0 : (static_cast<Block*>(memory) - 1)->size;
  if (memory != nullptr && size <= now) return memory;
  void* larger = take(size);
  if (larger == nullptr || memory == nullptr) return larger;
  std::memcpy(larger, memory, now);
  give_back(memory);
  return larger;
}

nghttp2_mem Memory::functions() {
  return {.mem_user_data = this,
          .malloc = [](size_t size, void* user) { return memory_of(user).take(size); },
          .free = [](void* block, void* user) { memory_of(user).give_back(block); },
          .calloc = [](size_t count, size_t each, void* user) -> void* {
            if (each != 0 && count > SIZE_MAX / each) return nullptr;
            void* block = memory_of(user).take(count * each);
            return block == nullptr ? nullptr : std::memset(block, 0, count * each);
          },
          .realloc = [](void* block, size_t size, void* user) { return memory_of(user).resize(block, size); }};
}

}  // namespace barrio::net::http2
