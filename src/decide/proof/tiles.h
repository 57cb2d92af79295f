#pragma once
// How a log's tree stands in files: C2SP tlog-tiles. A tile holds up to 256 hashes of one level, each the root of a
// full tile below it; tile/entries holds the leaves themselves, 256 a bundle. Pure: paths, bundles, and reading a
// tree's nodes out of tiles.

#include <optional>
#include <string>
#include <vector>

#include "decide/proof/merkle.h"

namespace barrio::decide {

inline constexpr uint64_t tile_width = 256;
inline constexpr int tile_levels = 8;  // of the tree in one tile
inline constexpr size_t most_leaf_bytes = 65535;

/// `tile/LEVEL/N[.p/WIDTH]`, `tile/entries/N[.p/WIDTH]`.
struct TileName {
  std::optional<int> level;  // none: entries
  uint64_t index = 0;
  uint64_t width = tile_width;  // below: a partial one, of the tree's right edge
  std::string path() const;
  bool operator==(const TileName&) const = default;
};
/// Errors: invalid, also for another spelling of the same tile.
Result<TileName> parse_tile_path(std::string_view path);
/// N as the path has it: groups of three digits, all but the last with an x: "x001/x234/067".
std::string tile_index_path(uint64_t index);

/// The tile that has hash `index` of level 8 * level in a tree of `size` leaves, as wide as it is there.
TileName tile_of(std::optional<int> level, uint64_t index, uint64_t size);

/// Appends a leaf to a bundle: its length as two bytes, big-endian, then the leaf. At most most_leaf_bytes.
void append_to_bundle(std::string& bundle, std::string_view leaf);
/// Errors: invalid, unless there are exactly `count` leaves.
Result<std::vector<std::string>> parse_bundle(std::string_view bundle, uint64_t count);
std::string print_tile(std::span<const Digest> hashes);
Result<std::vector<Digest>> parse_tile(std::string_view tile, uint64_t width);

/// The bytes of one tile or bundle.
using TileReader = std::function<Result<std::string>(const TileName&)>;
/// Reads the nodes of a tree of `size` leaves from tiles; each tile is read once and kept by the reader that is made.
NodeReader nodes_from_tiles(uint64_t size, TileReader read);
/// The root of 2^n hashes that stand side by side.
Digest fold_hashes(std::span<const Digest> hashes);

}  // namespace barrio::decide
