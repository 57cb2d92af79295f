#include "adapters/tile_log/tile_store.h"

#include <set>

#include "base/check.h"
#include "base/text.h"
#include "decide/proof/note.h"

namespace barrio::adapters {

using decide::tile_width;
using decide::TileName;

namespace {

constexpr const char* pending_file = "pending";
constexpr std::string_view pending_mark = "barrio.pending/1 ";
constexpr uint64_t most_times_pending = 32;
constexpr size_t batch_head_bytes = 16 + sizeof(Digest);  // count, length, index of the first; SHA-256

std::string big_endian(uint64_t value, int bytes) {
  std::string text;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) text += static_cast<char>(value >> shift & 255);
  return text;
}

uint64_t from_big_endian(std::string_view bytes) {
  uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

std::string print_batch(uint64_t first, std::span<const std::string> leaves) {
  std::string body;
  for (const std::string& leaf : leaves) decide::append_to_bundle(body, leaf);
  const std::string numbers = big_endian(leaves.size(), 4) + big_endian(body.size(), 4) + big_endian(first, 8);
  return numbers + std::string(text_of(sha256(numbers + body))) + body;
}

std::string pending_text(uint64_t base, std::span<const std::string> leaves) {
  std::string text = std::string(pending_mark) + std::to_string(base) + "\n";
  if (!leaves.empty()) text += print_batch(base, leaves);
  return text;
}

tl::unexpected<Error> damaged(const std::string& what, const std::string& where) {
  return fail(Code::invalid, "the log is damaged: " + what + "; restore its folder from a copy, or begin a new log",
              where);
}

/// The batch at the beginning of `text`, and how long it is; none: it is cut off or not what was written.
struct Batch {
  std::vector<std::string> leaves;
  size_t bytes = 0;
};
std::optional<Batch> read_batch(std::string_view text, uint64_t first) {
  if (text.size() < batch_head_bytes) return std::nullopt;
  const uint64_t count = from_big_endian(text.substr(0, 4));
  const uint64_t length = from_big_endian(text.substr(4, 4));
  if (from_big_endian(text.substr(8, 8)) != first || length > text.size() - batch_head_bytes) return std::nullopt;
  const std::string_view body = text.substr(batch_head_bytes, length);
  const std::string_view hash = text.substr(16, sizeof(Digest));
  if (text_of(sha256(std::string(text.substr(0, 16)) + std::string(body))) != hash) return std::nullopt;
  auto leaves = decide::parse_bundle(body, count);
  if (!leaves || leaves->empty()) return std::nullopt;
  return Batch{std::move(*leaves), batch_head_bytes + length};
}

/// Whether what cannot be read is not the end: only a crash cuts the last batch, and nobody was told of that.
bool more_follows(std::string_view rest, uint64_t first) {
  if (rest.size() < batch_head_bytes || from_big_endian(rest.substr(8, 8)) != first) return false;
  return batch_head_bytes + from_big_endian(rest.substr(4, 4)) < rest.size();
}

}  // namespace

// --- from disk ---

Result<std::unique_ptr<TileStore>> TileStore::open(LogDisk& disk, TileStoreLimits limits) {
  TRY(const auto lock, disk.lock());
  auto store = std::unique_ptr<TileStore>(new TileStore(disk, limits));
  TRY_DO(store->load());
  return store;
}

Result<void> TileStore::load() {
  // Where this fails, what is here is nothing: not written over what is on disk, and read anew before anything else.
  loaded_ = torn_ = unsettled_ = false;
  TRY(const auto text, disk_.read(pending_file));
  base_ = size_ = 0;
  pending_.clear();
  tiles_.clear();
  last_leaf_.clear();
  if (!text) {
    TRY(const auto published, checkpoint());
    TRY(const auto bundle, disk_.read(TileName{}.path()));
    if (published || bundle) return damaged("it has no file of this name", pending_file);
    TRY_DO(disk_.replace(pending_file, pending_text(0, {})));
    mark_ = disk_.mark(pending_file);
    loaded_ = true;
    return {};
  }
  const size_t end = text->find('\n');
  const std::string_view head = std::string_view(*text).substr(0, end);
  const auto base = head.starts_with(pending_mark) ? parse_uint(head.substr(pending_mark.size())) : std::nullopt;
  if (end == std::string::npos || !base || *base % tile_width != 0) return damaged("it has no head", pending_file);
  base_ = size_ = *base;
  TRY_DO(load_edge());
  std::string_view rest = std::string_view(*text).substr(end + 1);
  while (auto batch = read_batch(rest, size_)) {
    for (const std::string& leaf : batch->leaves) add(leaf);
    rest.remove_prefix(batch->bytes);
  }
  if (more_follows(rest, size_))
    return damaged("leaf " + std::to_string(size_) + " is not what was written", pending_file);
  TRY(last_leaf_, load_last_leaf());
  TRY_DO(check_published());
  // The last batch may have been read from memory that is not on disk: nothing may build upon it before it is. A site
  // starts on a full disk, too, and says nothing in its log until there is room.
  mark_ = disk_.mark(pending_file);
  loaded_ = true;
  unsettled_ = !pending_.empty() || !rest.empty();
  const auto settled = settle();
  if (!settled && settled.error().code != Code::exhausted) return settled;
  return {};
}

/// The leaves that were read are on disk.
Result<void> TileStore::settle() {
  if (!unsettled_) return {};
  const auto replaced = disk_.replace(pending_file, pending_text(base_, pending_));
  unsettled_ = torn_ = !replaced.has_value();
  mark_ = disk_.mark(pending_file);
  return replaced;
}

/// The hashes of the right edge above the leaves: each is the root of a tile that is full.
Result<void> TileStore::load_edge() {
  for (int level = 1; base_ >> decide::tile_levels * level > 0; ++level) {
    const uint64_t hashes = base_ >> decide::tile_levels * level;
    const uint64_t tile = hashes / tile_width;
    if (hashes % tile_width == 0) continue;
    auto& edge = tiles_[{level, tile}];
    for (uint64_t index = tile * tile_width; index < hashes; ++index) {
      TRY(const auto below, tile_on_disk(level - 1, index));
      edge.push_back(decide::fold_hashes(below));
    }
  }
  return {};
}

Result<std::string> TileStore::load_last_leaf() const {
  if (!pending_.empty()) return pending_.back();
  if (size_ == 0) return std::string();
  return leaf(size_ - 1);
}

/// Every checkpoint was published of leaves that were durable.
Result<void> TileStore::check_published() const {
  TRY(const auto text, checkpoint());
  if (!text) return {};
  auto note = decide::parse_note(*text);
  if (!note) return damaged(note.error().text(), "checkpoint");
  auto published = decide::parse_checkpoint(note->text);
  if (!published) return damaged(published.error().text(), "checkpoint");
  if (published->size > size_) {
    return damaged("its last checkpoint has " + std::to_string(published->size) + " leaves, and there are " +
                       std::to_string(size_),
                   pending_file);
  }
  TRY(const Digest found, root(published->size));
  if (found != published->root) return damaged("its leaves do not lead to its last checkpoint", "tile");
  return {};
}

Result<std::vector<Digest>> TileStore::tile_on_disk(int level, uint64_t index) const {
  const std::string path = TileName{level, index}.path();
  TRY(const auto bytes, disk_.read(path));
  if (!bytes) return damaged("it has no file of this name", path);
  auto hashes = decide::parse_tile(*bytes, tile_width);
  if (!hashes) return damaged(hashes.error().what, path);
  return std::move(*hashes);
}

Result<void> TileStore::reload_if_changed() {
  if (!loaded_ || disk_.mark(pending_file) != mark_) TRY_DO(load());
  return settle();
}

Result<void> TileStore::refresh() {
  TRY(const auto lock, disk_.lock());
  return reload_if_changed();
}

// --- to disk ---

Result<uint64_t> TileStore::append(const MakeLeaves& make) {
  TRY(const auto lock, disk_.lock());
  TRY_DO(reload_if_changed());
  if (pending_.size() > limits_.pending_leaves) {
    const auto written = write_full_tiles();
    // What is durable stays so without; the next append tries again, up to a bound.
    if (!written && pending_.size() > most_times_pending * limits_.pending_leaves) return fail(written.error());
  }
  const auto leaves = make(last_leaf_);
  const uint64_t first = size_;
  if (leaves.empty()) return first;
  TRY_DO(commit(leaves));
  for (const std::string& leaf : leaves) add(leaf);
  last_leaf_ = leaves.back();
  return first;
}

Result<void> TileStore::commit(const std::vector<std::string>& leaves) {
  Result<void> kept;
  // After an error nobody knows what is on disk, whatever a read says: what is known to be right replaces it.
  if (torn_) kept = disk_.replace(pending_file, pending_text(base_, pending_));
  if (kept) kept = disk_.append(pending_file, print_batch(size_, leaves));
  torn_ = !kept.has_value();
  mark_ = disk_.mark(pending_file);
  return kept;
}

void TileStore::add(const std::string& leaf) {
  CHECK((!leaf.empty() && leaf.size() <= decide::most_leaf_bytes));
  pending_.push_back(leaf);
  Digest hash = decide::merkle_leaf(leaf);
  uint64_t index = size_++;
  for (int level = 0;; ++level) {
    auto& tile = tiles_[{level, index / tile_width}];
    tile.push_back(hash);
    if (tile.size() < tile_width) return;
    hash = decide::fold_hashes(tile);
    index /= tile_width;
  }
}

Result<void> TileStore::write_full_tiles() {
  const uint64_t full = size_ / tile_width * tile_width;
  std::set<std::string> folders;
  auto write = [&](const TileName& name, const std::string& bytes) {
    const std::string path = name.path();
    folders.insert(path.substr(0, path.rfind('/')));
    return disk_.write(path, bytes);
  };
  for (uint64_t index = base_; index < full; index += tile_width) {
    std::string bundle;
    for (uint64_t i = index; i < index + tile_width; ++i) decide::append_to_bundle(bundle, pending_[i - base_]);
    TRY_DO(write({std::nullopt, index / tile_width}, bundle));
  }
  for (const auto& [place, hashes] : tiles_) {
    if (hashes.size() == tile_width) TRY_DO(write({place.first, place.second}, decide::print_tile(hashes)));
  }
  for (const std::string& folder : folders) TRY_DO(disk_.sync_folder(folder));
  std::vector<std::string> left(pending_.begin() + static_cast<std::ptrdiff_t>(full - base_), pending_.end());
  auto replaced = disk_.replace(pending_file, pending_text(full, left));
  torn_ = !replaced.has_value();
  if (!replaced) return replaced;  // the tiles are there, and count once this has succeeded
  base_ = full;
  pending_ = std::move(left);
  mark_ = disk_.mark(pending_file);
  std::erase_if(tiles_, [](const auto& tile) { return tile.second.size() == tile_width; });
  return {};
}

// --- reading ---

decide::NodeReader TileStore::nodes(uint64_t size) const {
  return decide::nodes_from_tiles(size, [this](const TileName& name) { return read(name); });
}

Result<std::string> TileStore::read(const TileName& name) const {
  const auto absent = fail(Code::not_found, "the log has no such tile yet", name.path());
  const int level = name.level.value_or(0);
  if (level >= decide::tile_levels) return absent;
  const uint64_t hashes = size_ >> decide::tile_levels * level;
  if (name.index >= hashes / tile_width + 1 || name.index * tile_width + name.width > hashes) return absent;
  if (name.level) {
    const auto kept = tiles_.find({level, name.index});
    if (kept != tiles_.end()) return decide::print_tile(std::span(kept->second).first(name.width));
  } else if (name.index * tile_width >= base_) {
    std::string bundle;
    for (uint64_t i = 0; i < name.width; ++i) {
      decide::append_to_bundle(bundle, pending_[name.index * tile_width - base_ + i]);
    }
    return bundle;
  }
  const std::string path = TileName{name.level, name.index}.path();
  TRY(auto bytes, disk_.read(path));
  if (!bytes) return damaged("it has no file of this name", path);
  if (name.width == tile_width) return std::move(*bytes);
  if (name.level) return bytes->substr(0, name.width * sizeof(Digest));
  auto leaves = decide::parse_bundle(*bytes, tile_width);
  if (!leaves) return damaged(leaves.error().what, path);
  std::string bundle;
  for (uint64_t i = 0; i < name.width; ++i) decide::append_to_bundle(bundle, (*leaves)[i]);
  return bundle;
}

Result<std::string> TileStore::leaf(uint64_t index) const {
  if (index >= size_) return fail(Code::not_found, "the log has no leaf " + std::to_string(index) + " yet");
  if (index >= base_) return pending_[index - base_];
  const TileName name{std::nullopt, index / tile_width};
  TRY(const std::string bundle, read(name));
  auto leaves = decide::parse_bundle(bundle, tile_width);
  if (!leaves) return damaged(leaves.error().what, name.path());
  return (*leaves)[index % tile_width];
}

}  // namespace barrio::adapters
