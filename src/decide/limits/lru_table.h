#pragma once
// A map with a written bound: when it is full, the value used longest ago makes room, unless it may not go. A value
// keeps its index while it is in; nothing allocates once a key is known.

#include <cstdint>
#include <unordered_map>
#include <vector>

namespace barrio::decide {

template <class Key, class Value, class Hash = std::hash<Key>>
class LruTable {
 public:
  static constexpr uint32_t none = UINT32_MAX;
  /// How many of the oldest are asked whether they may go.
  static constexpr int most_asked = 16;

  explicit LruTable(size_t most) : most_(most) {}

  /// The key's index, now the most recently used; made if there was none. `none`: full, and none of the oldest may go.
  template <class MayGo>
  uint32_t use(const Key& key, MayGo may_go) {
    if (const auto found = by_key_.find(key); found != by_key_.end()) {
      touch(found->second);
      return found->second;
    }
    const uint32_t index = slots_.size() < most_ ? grow() : reuse(may_go);
    if (index == none) return none;
    slots_[index].key = key;
    slots_[index].value = Value{};
    by_key_.emplace(key, index);
    link_newest(index);
    return index;
  }
  Value& operator[](uint32_t index) { return slots_[index].value; }
  const Value& operator[](uint32_t index) const { return slots_[index].value; }
  const Key& key(uint32_t index) const { return slots_[index].key; }
  size_t size() const { return slots_.size(); }

 private:
  struct Slot {
    Key key;
    Value value;
    uint32_t older = none;
    uint32_t newer = none;
  };

  uint32_t grow() {
    slots_.emplace_back();
    return static_cast<uint32_t>(slots_.size() - 1);
  }
  template <class MayGo>
  uint32_t reuse(MayGo may_go) {
    uint32_t index = oldest_;
    for (int asked = 0; index != none && asked < most_asked; ++asked, index = slots_[index].newer) {
      if (!may_go(slots_[index].value)) continue;
      unlink(index);
      by_key_.erase(slots_[index].key);
      return index;
    }
    return none;
  }
  void touch(uint32_t index) {
    if (index == newest_) return;
    unlink(index);
    link_newest(index);
  }
  void unlink(uint32_t index) {
    const Slot& slot = slots_[index];
    (slot.older == none ? oldest_ : slots_[slot.older].newer) = slot.newer;
    (slot.newer == none ? newest_ : slots_[slot.newer].older) = slot.older;
  }
  void link_newest(uint32_t index) {
    slots_[index].older = newest_;
    slots_[index].newer = none;
    (newest_ == none ? oldest_ : slots_[newest_].newer) = index;
    newest_ = index;
  }

  size_t most_;
  std::vector<Slot> slots_;
  std::unordered_map<Key, uint32_t, Hash> by_key_;
  uint32_t oldest_ = none;
  uint32_t newest_ = none;
};

}  // namespace barrio::decide
