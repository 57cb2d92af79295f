#pragma once
// The journal of a site's storage: records one after the other in files ("segments") that are only ever appended to.
// All that is acknowledged is a record that was synced here; what is in memory is what its records say, in their order.
//
// Calls block, and are made one at a time; but read() and read_all() need no journal.

#include <functional>
#include <map>
#include <optional>
#include <span>

#include "adapters/sealed_store/record.h"
#include "ports/medium.h"

namespace barrio::adapters::sealed_store {

/// Where a record stands. It can be read as long as somebody has its place, also when its segment was dropped.
struct Place {
  ports::SharedFile file;
  uint32_t segment = 0;
  uint64_t offset = 0;
  uint32_t length = 0;
  uint64_t stamp = 0;  // of the record
  bool operator==(const Place&) const = default;
};

class Journal {
 public:
  static constexpr uint64_t segment_bytes = 64 * 1024 * 1024;  // a new one begins above it

  explicit Journal(ports::Medium& medium) : medium_(medium) {}

  struct Replayed {
    size_t records = 0;
    size_t torn_bytes = 0;  // at the very end: never acknowledged
    size_t damaged = 0;     // places within where nothing can be read: bit rot
  };
  using Take = std::function<void(const Place&, const RecordHead&, std::string_view record)>;
  /// Reads all records in their order. Errors: unavailable.
  Result<Replayed> open(const Take& take);
  /// All of them, with one write and one sync. After an error none of them is there, and what was there still is. Where
  /// not even that can be told, everything is refused: until settle() tells, or, if it never can, until the journal is
  /// opened again. Errors: exhausted, unavailable.
  Result<std::vector<Place>> append(std::span<const std::string_view> records);
  struct Standing {
    Place place;
    std::string record;
  };
  /// What became of an append that failed and is in doubt: all its records, which stand after all, or none. Errors:
  /// unavailable (nobody can say yet).
  Result<std::vector<Standing>> settle();
  /// After an append that failed: whether its records may stand.
  bool is_unsure() const { return doubt_ || broken_; }
  static Result<std::string> read(const Place& place);

  uint32_t oldest() const { return segments_.begin()->first; }
  /// Those that are better packed. Nothing of the journal is touched by that.
  std::vector<ports::SharedFile> to_pack() const;
  bool has_one() const { return segments_.size() <= 1; }
  uint64_t bytes() const;
  struct Stretch {
    Place begin;  // without a length
    uint64_t size = 0;
  };
  /// The oldest segment as far as it is written: all of it, where it is not the only one.
  Stretch whole_oldest() const;
  /// All of its records; returns whether that is all there was. Needs no journal, as read().
  static Result<bool> read_all(const Stretch& stretch, const Take& take);
  Result<void> drop_oldest();

 private:
  struct Segment {
    ports::SharedFile file;
    uint64_t size = 0;
  };
  /// Of the last segment, behind its size.
  struct Doubt {
    std::vector<Place> places;
    std::string records;
  };
  Result<void> begin_segment();
  tl::unexpected<Error> failed(Error error);
  static size_t replay(const Place& from, std::string_view bytes, const Take& take, Replayed& replayed);

  ports::Medium& medium_;
  std::map<uint32_t, Segment> segments_;  // the last one is appended to
  uint32_t next_ = 1;
  bool must_begin_ = true;
  std::optional<Doubt> doubt_;
  std::optional<Error> broken_;
};

}  // namespace barrio::adapters::sealed_store
