#pragma once
// Timers of one reactor: a binary heap by due time; a cancelled timer's entry stays in the heap until it comes up or
// until cancelled entries outnumber live ones. No allocation once the vectors have grown.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/time.h"

namespace barrio::net {

class TimerHeap {
 public:
  uint64_t add(Time when, std::function<void()> action) {
    if (free_.empty()) {
      free_.push_back(static_cast<uint32_t>(slots_.size()));
      slots_.emplace_back();
    }
    const uint32_t index = free_.back();
    free_.pop_back();
    slots_[index].action = std::move(action);
    const uint64_t id = (static_cast<uint64_t>(slots_[index].generation) << 32) | (index + 1);
    heap_.push_back({when, sequence_++, id});
    std::push_heap(heap_.begin(), heap_.end(), later);
    return id;
  }

  void cancel(uint64_t id) {
    if (!live(id)) return;
    release(id);
    if (heap_.size() > 64 && heap_.size() > 2 * (slots_.size() - free_.size())) compact();
  }

  std::optional<Time> next() {
    while (!heap_.empty() && !live(heap_.front().id)) pop();
    if (heap_.empty()) return std::nullopt;
    return heap_.front().when;
  }

  /// Runs what is due, in order of time and then of creation; timers added meanwhile wait for the next call.
  void run_due(Time now) {
    const uint64_t last = sequence_;
    while (auto when = next()) {
      if (*when > now || heap_.front().sequence >= last) return;
      const uint64_t id = heap_.front().id;
      auto action = std::move(slots_[index_of(id)].action);
      pop();
      release(id);
      action();
    }
  }

 private:
  struct Entry {
    Time when;
    uint64_t sequence;
    uint64_t id;
  };
  struct Slot {
    std::function<void()> action;
    uint32_t generation = 1;
  };

  static bool later(const Entry& a, const Entry& b) {
    return a.when != b.when ? a.when > b.when : a.sequence > b.sequence;
  }
  static size_t index_of(uint64_t id) { return static_cast<size_t>((id & 0xffffffffU) - 1); }
  bool live(uint64_t id) const {
    return (id & 0xffffffffU) != 0 && index_of(id) < slots_.size() && slots_[index_of(id)].generation == (id >> 32);
  }
  void release(uint64_t id) {
    Slot& slot = slots_[index_of(id)];
    ++slot.generation;
    auto dropped = std::move(slot.action);  // its destructor may come back here, so the slot is settled first
    slot.action = nullptr;
    free_.push_back(static_cast<uint32_t>(index_of(id)));
  }
  void pop() {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    heap_.pop_back();
  }
  void compact() {
    std::erase_if(heap_, [this](const Entry& entry) { return !live(entry.id); });
    std::make_heap(heap_.begin(), heap_.end(), later);
  }

  std::vector<Entry> heap_;
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
  uint64_t sequence_ = 0;
};

}  // namespace barrio::net
