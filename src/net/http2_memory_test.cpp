#include "net/http2_memory.h"

#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <vector>

namespace barrio::net::http2_memory_test {
namespace {

using http2::Memory;

TEST_CASE("nghttp2's memory: blocks hold what they were asked for, and keep it when they grow") {
  Memory memory;
  for (const size_t size :
       {size_t{0}, size_t{1}, size_t{64}, size_t{65}, size_t{1024}, size_t{1025}, size_t{100'000}}) {
    auto* block = static_cast<char*>(memory.take(size));
    REQUIRE(block != nullptr);
    CHECK(reinterpret_cast<uintptr_t>(block) % alignof(std::max_align_t) == 0);
    std::memset(block, 'x', size);
    block = static_cast<char*>(memory.resize(block, 3 * size + 1));
    REQUIRE(block != nullptr);
    CHECK(std::string(block, size) == std::string(size, 'x'));
    std::memset(block, 'y', 3 * size + 1);
    memory.give_back(block);
  }
  memory.give_back(nullptr);
  auto* from_nothing = static_cast<char*>(memory.resize(nullptr, 10));
  std::memset(from_nothing, 'z', 10);
  memory.give_back(from_nothing);
  CHECK(memory.take(SIZE_MAX) == nullptr);
}

TEST_CASE("nghttp2's memory: blocks that are zeroed are so though they were used before") {
  Memory memory;
  const nghttp2_mem functions = memory.functions();
  void* used = functions.malloc(200, functions.mem_user_data);
  std::memset(used, 0xff, 200);
  functions.free(used, functions.mem_user_data);
  auto* zeroed = static_cast<char*>(functions.calloc(20, 10, functions.mem_user_data));
  CHECK(std::string(zeroed, 200) == std::string(200, '\0'));
  functions.free(zeroed, functions.mem_user_data);
  CHECK(functions.calloc(SIZE_MAX / 2, 3, functions.mem_user_data) == nullptr);
}

TEST_CASE("nghttp2's memory: what is kept has a bound") {
  Memory memory;
  std::vector<void*> blocks;
  for (size_t i = 0; i < 4096; ++i) blocks.push_back(memory.take(1000));
  for (void* block : blocks) memory.give_back(block);
  CHECK(memory.kept() <= Memory::most_kept);
  // AddressSanitizer is to see every free().
#ifndef __SANITIZE_ADDRESS__
  CHECK(memory.kept() > Memory::most_kept / 2);
  void* again = memory.take(1000);
  CHECK(memory.kept() < Memory::most_kept - 1000);
  memory.give_back(again);
#endif
}

}  // namespace
}  // namespace barrio::net::http2_memory_test
