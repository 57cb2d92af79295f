// A log's leaves, bundles and the paths of its tiles.

#include "base/check.h"
#include "decide/proof/leaf.h"
#include "decide/proof/tiles.h"
#include "target.h"

namespace barrio::fuzz {

void run_target(std::string_view input) {
  if (const auto name = decide::parse_tile_path(input)) CHECK(name->path() == input);
  if (const auto leaf = decide::parse_leaf(input)) CHECK(leaf->str() == input);
  for (const uint64_t count : {0, 1, 2, 256}) {
    const auto leaves = decide::parse_bundle(input, count);
    if (!leaves) continue;
    CHECK(leaves->size() == count);
    std::string again;
    for (const std::string& leaf : *leaves) decide::append_to_bundle(again, leaf);
    CHECK(again == input);
  }
  const auto tile = decide::parse_tile(input, input.size() / 32);
  CHECK(tile.has_value() == (input.size() % 32 == 0));
}

}  // namespace barrio::fuzz
