#include "decide/proof/check_log.h"

#include "decide/proof/leaf.h"

namespace barrio::decide {

namespace {

Result<std::vector<Digest>> check_bundles(uint64_t size, const TileReader& read) {
  std::vector<Digest> hashes;
  WallTime last{};
  for (uint64_t index = 0; index < size; index += tile_width) {
    const TileName name = tile_of(std::nullopt, index, size);
    TRY(const std::string bundle, read(name));
    auto leaves = parse_bundle(bundle, name.width);
    if (!leaves) return fail(Code::denied, leaves.error().text(), name.path());
    for (const std::string& text : *leaves) {
      auto leaf = parse_leaf(text);
      if (!leaf) return fail(Code::denied, leaf.error().text(), name.path());
      if (leaf->time < last) return fail(Code::denied, "the log's times go backwards", name.path());
      last = leaf->time;
      hashes.push_back(merkle_leaf(text));
    }
  }
  return hashes;
}

}  // namespace

Result<LogCheck> check_log(const std::string& note, const NoteVerifier& key, const TileReader& read) {
  TRY(const Note parsed, parse_note(note));
  TRY(const Checkpoint checkpoint, verify_checkpoint(parsed, key));
  TRY(std::vector<Digest> row, check_bundles(checkpoint.size, read));
  LogCheck check{checkpoint.size, 0};
  const std::vector<Digest> leaves = row;
  for (int level = 0; !row.empty(); ++level) {
    std::vector<Digest> above;
    for (uint64_t index = 0; index < row.size(); index += tile_width) {
      const TileName name = tile_of(level, index, checkpoint.size);
      TRY(const std::string tile, read(name));
      const auto expected = std::span(row).subspan(index, name.width);
      if (tile != print_tile(expected)) return fail(Code::denied, "the tile is not that of the leaves", name.path());
      if (name.width == tile_width) above.push_back(fold_hashes(expected));
      ++check.tiles;
    }
    row = std::move(above);
  }
  const NodeReader nodes = [&](int level, uint64_t index) -> Result<Digest> {
    const size_t count = size_t{1} << level;
    return fold_hashes(std::span(leaves).subspan(index * count, count));
  };
  TRY(const Digest root, merkle_root(checkpoint.size, nodes));
  if (root != checkpoint.root) return fail(Code::denied, "the leaves do not lead to the checkpoint", "checkpoint");
  return check;
}

}  // namespace barrio::decide
