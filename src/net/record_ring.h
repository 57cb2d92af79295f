#pragma once
// A bounded queue from one thread to one other: fixed-size records, no lock, no allocation, no system call. A full ring
// refuses, so that a slow reader costs records and never time.

#include <atomic>
#include <cstddef>
#include <memory>
#include <type_traits>

#include "base/check.h"

namespace barrio::net {

template <class Record>
class RecordRing {
  static_assert(std::is_trivially_copyable_v<Record>);

 public:
  /// `capacity`: a power of two.
  explicit RecordRing(size_t capacity) : mask_(capacity - 1), records_(new Record[capacity]) {
    // CHECK would be doctest's here, in a test of this template.
    if (capacity == 0 || (capacity & mask_) != 0) check_failed("capacity is a power of two", __FILE__, __LINE__);
  }

  /// The writing thread. False: full, nothing was kept.
  bool push(const Record& record) {
    const size_t head = head_.load(std::memory_order_relaxed);
    if (head - tail_seen_ > mask_) {
      tail_seen_ = tail_.load(std::memory_order_acquire);
      if (head - tail_seen_ > mask_) return false;
    }
    records_[head & mask_] = record;
    head_.store(head + 1, std::memory_order_release);
    return true;
  }

  /// The reading thread: the oldest record, valid until drop(); null: empty.
  const Record* peek() const {
    const size_t tail = tail_.load(std::memory_order_relaxed);
    return tail == head_.load(std::memory_order_acquire) ? nullptr : &records_[tail & mask_];
  }
  void drop() { tail_.store(tail_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }

 private:
  const size_t mask_;
  std::unique_ptr<Record[]> records_;
  // Each side writes a cache line of its own.
  alignas(64) std::atomic<size_t> head_ = 0;
  size_t tail_seen_ = 0;  // the writer's
  alignas(64) std::atomic<size_t> tail_ = 0;
};

}  // namespace barrio::net
