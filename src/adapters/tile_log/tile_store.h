#pragma once
// A log's leaves and tree in its folder, in the form of C2SP tlog-tiles. Blocking; one caller at a time, but two
// processes of one site may each have one of the same folder, as during an upgrade: whoever writes holds the folder's
// lock, and first reads what the other has written.
//
// tile/... holds what is full: 256 leaves, 256 hashes. `pending` holds the leaves after that, as batches with a length
// and a SHA-256 each: appending one and syncing it is what makes leaves durable. When a few tiles are full they are
// written and synced, then `pending` is replaced by what is left of it; so a crash anywhere leaves either a batch that
// is cut, which nobody was told of and which is dropped, or tiles that are written once more, with the same bytes.
// `checkpoint` is the last one published: a folder that does not lead to it is not opened.

#include <map>
#include <string>
#include <vector>

#include "adapters/tile_log/log_disk.h"
#include "decide/proof/tiles.h"

namespace barrio::adapters {

struct TileStoreLimits {
  uint64_t pending_leaves = 1024;  // with more, full tiles are written
};

class TileStore {
 public:
  using MakeLeaves = std::function<std::vector<std::string>(const std::string& last_leaf)>;

  /// Errors: invalid (damaged, and where), unavailable.
  static Result<std::unique_ptr<TileStore>> open(LogDisk& disk, TileStoreLimits limits = {});

  /// `make` gets the leaf that is now the last, empty if there is none; leaves are 1 to 65535 bytes. The index of the
  /// first. Errors: exhausted (disk full), unavailable; then none of them is in the log, as far as anybody is told.
  Result<uint64_t> append(const MakeLeaves& make);
  uint64_t size() const { return size_; }
  /// Reads what another process may have written.
  Result<void> refresh();
  /// Of the tree of the first `size` leaves.
  Result<Digest> root(uint64_t size) const { return decide::merkle_root(size, nodes(size)); }
  decide::NodeReader nodes(uint64_t size) const;
  /// Errors: not_found.
  Result<std::string> read(const decide::TileName& name) const;
  Result<std::string> leaf(uint64_t index) const;

  Result<std::optional<std::string>> checkpoint() const { return disk_.read("checkpoint"); }
  Result<void> publish(const std::string& note) { return disk_.replace("checkpoint", note); }

 private:
  TileStore(LogDisk& disk, TileStoreLimits limits) : disk_(disk), limits_(limits) {}
  Result<void> load();
  Result<void> load_edge();
  Result<void> check_published() const;
  Result<std::string> load_last_leaf() const;
  Result<void> settle();
  Result<void> reload_if_changed();
  Result<void> commit(const std::vector<std::string>& leaves);
  void add(const std::string& leaf);
  Result<void> write_full_tiles();
  Result<std::vector<Digest>> tile_on_disk(int level, uint64_t index) const;

  LogDisk& disk_;
  const TileStoreLimits limits_;
  uint64_t base_ = 0;  // leaves in tiles on disk; a multiple of 256
  uint64_t size_ = 0;
  std::vector<std::string> pending_;  // the leaves from base_ on
  /// Tiles that are not on disk: those of the right edge, and full ones above base_.
  std::map<std::pair<int, uint64_t>, std::vector<Digest>> tiles_;
  std::string last_leaf_;
  std::string mark_;        // of `pending` as we left it
  bool loaded_ = false;     // what is here is what was read then, and what came since
  bool torn_ = false;       // its end is not known: it is written anew before anything else
  bool unsettled_ = false;  // what was read of it may be in memory alone, and could not be written yet
};

}  // namespace barrio::adapters
