#include "decide/proof/tiles.h"

#include <bit>
#include <map>
#include <memory>

#include "base/check.h"
#include "base/text.h"

namespace barrio::decide {

namespace {

constexpr uint64_t most_tile_index = uint64_t{1} << 56;
constexpr int most_tile_level = 7;

Result<uint64_t> parse_tile_number(std::string_view text, uint64_t most) {
  const auto value = parse_uint(text);
  if (!value || *value > most || std::to_string(*value) != text) return fail(Code::invalid, "is no tile's path");
  return *value;
}

Result<uint64_t> parse_tile_index(std::span<const std::string_view> groups) {
  uint64_t index = 0;
  for (size_t i = 0; i < groups.size(); ++i) {
    std::string_view digits = groups[i];
    const bool last = i + 1 == groups.size();
    if (!last && !digits.starts_with('x')) return fail(Code::invalid, "is no tile's path");
    if (!last) digits.remove_prefix(1);
    const auto value = digits.size() == 3 ? parse_uint(digits) : std::nullopt;
    if (!value || index > most_tile_index / 1000) return fail(Code::invalid, "is no tile's path");
    index = index * 1000 + *value;
  }
  return index;
}

}  // namespace

std::string tile_index_path(uint64_t index) {
  std::string path = std::to_string(1000 + index % 1000).substr(1);
  for (uint64_t rest = index / 1000; rest > 0; rest /= 1000) {
    path = "x" + std::to_string(1000 + rest % 1000).substr(1) + "/" + path;
  }
  return path;
}

std::string TileName::path() const {
  std::string path = "tile/" + (level ? std::to_string(*level) : "entries") + "/" + tile_index_path(index);
  if (width < tile_width) path += ".p/" + std::to_string(width);
  return path;
}

Result<TileName> parse_tile_path(std::string_view path) {
  if (path.size() > 100) return fail(Code::invalid, "is no tile's path");
  auto parts = split(path, '/');
  if (parts.size() < 3 || parts[0] != "tile") return fail(Code::invalid, "is no tile's path");
  TileName name;
  if (parts[1] != "entries") {
    TRY(const uint64_t level, parse_tile_number(parts[1], most_tile_level));
    name.level = static_cast<int>(level);
  }
  if (parts.size() > 3 && parts[parts.size() - 2].ends_with(".p")) {
    TRY(name.width, parse_tile_number(parts.back(), tile_width - 1));
    parts.pop_back();
    parts.back().remove_suffix(2);
  }
  TRY(name.index, parse_tile_index(std::span(parts).subspan(2)));
  if (name.width == 0 || name.path() != path) return fail(Code::invalid, "is no tile's path");
  return name;
}

TileName tile_of(std::optional<int> level, uint64_t index, uint64_t size) {
  const uint64_t hashes = level.value_or(0) == 0 ? size : size >> tile_levels * *level;
  CHECK(index < hashes);
  const uint64_t tile = index / tile_width;
  return {level, tile, std::min(tile_width, hashes - tile * tile_width)};
}

void append_to_bundle(std::string& bundle, std::string_view leaf) {
  CHECK(leaf.size() <= most_leaf_bytes);
  bundle += static_cast<char>(leaf.size() >> 8);
  bundle += static_cast<char>(leaf.size() & 255);
  bundle += leaf;
}

Result<std::vector<std::string>> parse_bundle(std::string_view bundle, uint64_t count) {
  std::vector<std::string> leaves;
  while (!bundle.empty() && leaves.size() < count) {
    if (bundle.size() < 2) return fail(Code::invalid, "the bundle ends within a length");
    const size_t length =
        static_cast<size_t>(static_cast<unsigned char>(bundle[0])) << 8 | static_cast<unsigned char>(bundle[1]);
    if (bundle.size() < 2 + length) return fail(Code::invalid, "the bundle ends within a leaf");
    leaves.emplace_back(bundle.substr(2, length));
    bundle.remove_prefix(2 + length);
  }
  if (leaves.size() != count || !bundle.empty()) {
    return fail(Code::invalid, "the bundle does not have " + std::to_string(count) + " leaves");
  }
  return leaves;
}

std::string print_tile(std::span<const Digest> hashes) {
  std::string tile;
  tile.reserve(hashes.size() * sizeof(Digest));
  for (const Digest& hash : hashes) tile += text_of(hash);
  return tile;
}

Result<std::vector<Digest>> parse_tile(std::string_view tile, uint64_t width) {
  if (tile.size() != width * sizeof(Digest)) {
    return fail(Code::invalid, "the tile does not have " + std::to_string(width) + " hashes");
  }
  std::vector<Digest> hashes(width);
  for (size_t i = 0; i < width; ++i)
    std::ranges::copy(tile.substr(i * sizeof(Digest), sizeof(Digest)), hashes[i].begin());
  return hashes;
}

Digest fold_hashes(std::span<const Digest> hashes) {
  CHECK(std::has_single_bit(hashes.size()));
  std::vector<Digest> row(hashes.begin(), hashes.end());
  while (row.size() > 1) {
    for (size_t i = 0; i < row.size() / 2; ++i) row[i] = merkle_node(row[2 * i], row[2 * i + 1]);
    row.resize(row.size() / 2);
  }
  return row.front();
}

NodeReader nodes_from_tiles(uint64_t size, TileReader read) {
  struct Kept {
    std::map<std::pair<int, uint64_t>, std::vector<Digest>> tiles;
  };
  return [size, read = std::move(read), kept = std::make_shared<Kept>()](int level, uint64_t index) -> Result<Digest> {
    const int tile_level = level / tile_levels;
    const int within = level % tile_levels;
    const uint64_t first = index << within;
    const TileName name = tile_of(tile_level, first, size);
    auto found = kept->tiles.find({tile_level, name.index});
    if (found == kept->tiles.end()) {
      TRY(const std::string bytes, read(name));
      auto hashes = parse_tile(bytes, name.width);
      if (!hashes) return fail(std::move(hashes.error()).within(name.path()));
      found = kept->tiles.emplace(std::pair(tile_level, name.index), std::move(*hashes)).first;
    }
    const size_t offset = first % tile_width;
    const size_t count = size_t{1} << within;
    if (offset + count > found->second.size()) return fail(Code::invalid, "the tree has no such node", name.path());
    return fold_hashes(std::span(found->second).subspan(offset, count));
  };
}

}  // namespace barrio::decide
