#include "decide/proof/tiles.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

namespace barrio::decide::tiles_test {

TEST_CASE("tiles are named as tlog-tiles names them") {
  CHECK(tile_index_path(0) == "000");
  CHECK(tile_index_path(1234067) == "x001/x234/067");  // the specification's example
  CHECK(TileName{0, 273, 112}.path() == "tile/0/273.p/112");
  CHECK(TileName{1, 1, 17}.path() == "tile/1/001.p/17");
  CHECK(TileName{std::nullopt, 1000}.path() == "tile/entries/x001/000");
}

TEST_CASE("a tile's path is read back, and no other spelling of it is") {
  CHECK(rc::check("read back", [] {
    TileName name{std::nullopt, *rc::gen::inRange<uint64_t>(0, uint64_t{1} << 50), *rc::gen::inRange<uint64_t>(1, 257)};
    if (*rc::gen::arbitrary<bool>()) name.level = *rc::gen::inRange(0, 8);
    RC_ASSERT(parse_tile_path(name.path()) == name);
  }));
  for (const char* path : {"",
                           "tile",
                           "tile/0",
                           "tile/0/",
                           "tile/0/0",
                           "tile/0/00",
                           "tile/0/0000",
                           "tile/00/000",
                           "tile/8/000",
                           "tile/0/x000/000",
                           "tile/0/001/002",
                           "tile/0/x001/x002",
                           "tile/0/000.p/0",
                           "tile/0/000.p/256",
                           "tile/0/000.p/01",
                           "tile/0/000.p",
                           "tile/0/000.p/",
                           "tile/-1/000",
                           "tile/entries/../000",
                           "tile/0/+01",
                           "tile/data/000",
                           "/tile/0/000",
                           "tile/0/000/",
                           "tile/0/x999/x999/x999/x999/x999/x999/x999/999"}) {
    CHECK_MESSAGE(!parse_tile_path(path), path);
  }
}

TEST_CASE("a bundle gives its leaves back, and only all of them") {
  CHECK(rc::check("read back", [](const std::vector<std::string>& leaves) {
    std::string bundle;
    for (const std::string& leaf : leaves) append_to_bundle(bundle, leaf);
    RC_ASSERT(*parse_bundle(bundle, leaves.size()) == leaves);
    RC_ASSERT(!parse_bundle(bundle, leaves.size() + 1));
    RC_ASSERT(!parse_bundle(bundle + "x", leaves.size()));
    if (!leaves.empty()) RC_ASSERT(!parse_bundle(bundle.substr(0, bundle.size() - 1), leaves.size()));
  }));
}

TEST_CASE("a tree of tiles has the nodes of the tree of its leaves") {
  constexpr uint64_t size = 256 * 256 + 256 * 3 + 77;
  std::vector<std::vector<Digest>> levels(3);
  for (uint64_t i = 0; i < size; ++i) levels[0].push_back(merkle_leaf(std::to_string(i)));
  for (size_t level = 1; level < 3; ++level) {
    const auto& below = levels[level - 1];
    for (size_t i = 0; i + tile_width <= below.size(); i += tile_width) {
      levels[level].push_back(fold_hashes(std::span(below).subspan(i, tile_width)));
    }
  }
  size_t reads = 0;
  const TileReader tiles = [&](const TileName& name) -> Result<std::string> {
    ++reads;
    const auto& row = levels.at(static_cast<size_t>(*name.level));
    CHECK(parse_tile_path(name.path()) == name);
    return print_tile(std::span(row).subspan(name.index * tile_width, name.width));
  };
  const Digest root = *merkle_root(size, nodes_from_tiles(size, tiles));
  for (const uint64_t index : {uint64_t{0}, uint64_t{255}, uint64_t{256}, uint64_t{65535}, uint64_t{65536}, size - 1}) {
    reads = 0;
    const auto proof = *inclusion_proof(index, size, nodes_from_tiles(size, tiles));
    CHECK(reads <= 6);
    CHECK(verify_inclusion(levels[0][index], index, size, proof, root));
  }
  for (const uint64_t old_size : {uint64_t{1}, uint64_t{256}, uint64_t{300}, uint64_t{65536}, size - 1}) {
    const auto proof = *consistency_proof(old_size, size, nodes_from_tiles(size, tiles));
    CHECK(verify_consistency(old_size, *merkle_root(old_size, nodes_from_tiles(size, tiles)), size, root, proof));
  }
  CHECK(!merkle_root(size, nodes_from_tiles(size, [](const TileName&) -> Result<std::string> { return "short"; })));
}

}  // namespace barrio::decide::tiles_test
