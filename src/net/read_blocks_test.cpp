#include "net/read_blocks.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace barrio::net::read_blocks_test {
namespace {

std::string_view filled(std::span<char> block, char with) {
  std::ranges::fill(block, with);
  return {block.data(), block.size()};
}

TEST_CASE("one block is used again and again; what was taken stays as it was") {
  ReadBlocks blocks;
  const char* first = blocks.next().data();
  CHECK(blocks.next().data() == first);
  const std::string_view got = filled(blocks.next(), 'a');
  auto owner = blocks.take(got.substr(100, 7));
  REQUIRE(owner);
  const std::string_view other = filled(blocks.next(), 'b');
  CHECK(other.data() != first);
  CHECK(got.find_first_not_of('a') == std::string_view::npos);
  CHECK_FALSE(blocks.take(got));  // it is not what was read last
  owner.reset();
  CHECK(blocks.next().data() == other.data());
  owner = blocks.take(other);
  CHECK(blocks.next().data() == first);  // it is free again
}

TEST_CASE("what lies elsewhere, or only begins in the block, cannot be taken") {
  ReadBlocks blocks;
  const std::span<char> block = blocks.next();
  const std::string own(10, 'x');
  CHECK_FALSE(blocks.take(own));
  CHECK(blocks.take({block.data() + block.size() - 1, 1}));
  CHECK_FALSE(blocks.take({block.data() + block.size() - 1, 2}));
}

TEST_CASE("however many are taken, each is another one; so many are used again") {
  ReadBlocks blocks;
  std::vector<std::shared_ptr<const void>> owners;
  std::set<const char*> seen;
  const auto read = [&] {
    const std::span<char> block = blocks.next();
    return std::string_view(block.data(), block.size());
  };
  for (int i = 0; i < 100; ++i) {
    const std::string_view got = read();
    CHECK(seen.insert(got.data()).second);
    owners.push_back(blocks.take(got));
  }
  owners.clear();
  for (int i = 0; i < 20; ++i) {
    const std::string_view got = read();
    CHECK(seen.contains(got.data()));
    owners.push_back(blocks.take(got));
  }
}

}  // namespace
}  // namespace barrio::net::read_blocks_test
