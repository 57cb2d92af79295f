#pragma once
// The objects of a bucket with all their versions. Each key's newest one is `current`, unless it is a delete marker;
// listing and reading need nothing else. Older ones and markers are apart.
//
// Which one is newest is told by the order that a version was given once, and not by where its record stands:
// compaction moves records behind later ones. A version has its place to itself: numbered ones by their order, and a
// key's null version, of which there is one at most, whatever its order. Pure.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/sealed_store/journal.h"

namespace barrio::adapters::sealed_store {

struct IndexedObject {
  Place place;
  int64_t size = 0;
  WallTime modified;
  std::string etag;
  std::vector<std::string> files = {};  // of its extents
  ports::ObjectVersion version = {};
};

class ObjectVersions {
 public:
  using Current = std::map<std::string, IndexedObject, std::less<>>;
  struct Found {
    const std::string* key = nullptr;  // null: there is none
    const IndexedObject* object = nullptr;
  };
  static constexpr int64_t before_all = INT64_MAX;     // orders are smaller
  static constexpr int64_t behind_all_of = INT64_MIN;  // and greater

  const Current& current() const { return current_; }
  /// Markers included.
  size_t size() const { return current_.size() + others_.size(); }
  /// Null: there is none. Of the null version its order does not count.
  const IndexedObject* find(const std::string& key, const ports::ObjectVersion& version) const;
  const IndexedObject* newest(const std::string& key) const;
  /// What follows by key, and within a key from newest to oldest, behind this key's version of this order.
  Found first_behind(const std::string& key, int64_t order) const;
  /// The same with a key's null version first, as copies name them; `version`: behind this one, none: behind the key.
  Found first_named_behind(const std::string& key, const std::optional<ports::ObjectVersion>& version) const;
  /// Of a version that is made now: `step`, which is drawn below most_step, behind the clock and the newest version.
  /// Where a clock was set back, or the newest version was removed by its id, no order is given again that one had
  /// before.
  int64_t next_order(const std::string& key, WallTime now, uint64_t step) const;
  static constexpr uint64_t most_step = uint64_t{1} << 20;  // nanoseconds: about what the clock counts in

  /// Returns what it takes the place of.
  std::optional<IndexedObject> put(const std::string& key, IndexedObject object);
  std::optional<IndexedObject> remove(const std::string& key, const ports::ObjectVersion& version);
  void set_place(const std::string& key, const ports::ObjectVersion& version, const Place& place);

 private:
  struct Slot {
    std::string key;
    int64_t order = 0;
    bool numbered = false;
    bool operator<(const Slot& other) const {
      if (key != other.key) return key < other.key;
      return order != other.order ? order > other.order : numbered < other.numbered;
    }
  };
  using Others = std::map<Slot, IndexedObject>;

  Others::const_iterator find_other(const std::string& key, const ports::ObjectVersion& version) const;
  void add_other(const std::string& key, IndexedObject object);
  IndexedObject take_other(Others::const_iterator other);
  void settle(const std::string& key);

  Current current_;
  Others others_;                                            // no key's newest one, but for markers
  std::map<std::string, int64_t, std::less<>> null_orders_;  // of the null versions among the others
};

}  // namespace barrio::adapters::sealed_store
