#pragma once
// What clients saw of one object, and whether a bucket may have given them these answers (docs/storage.md). Once no
// write is under way, an object is one register (linearizable: Herlihy and Wing, 1990; searched for as Wing and Gong
// do, with the states that were seen before left out: Lowe, 2017). While one is, or has ended without an answer that
// says more, a reader may see the old or the new at one site and the other at another; but never what an acknowledged
// write replaced.

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"

namespace barrio::sim {

class RegisterHistory {
 public:
  /// What the object is: a number that one put alone has; 0: it is not there.
  using Value = uint64_t;
  static constexpr Value absent = 0;

  /// Writing `absent` is a delete. The result is the number of the operation.
  size_t begin_write(Time now, Value value) { return add({now, Time::max(), value, false, false}); }
  size_t begin_read(Time now) { return add({now, Time::max(), absent, true, false}); }
  /// Answered with success.
  void written(size_t operation, Time now);
  void read(size_t operation, Time now, Value value);
  /// Answered that nothing was done, or a read without an answer.
  void refused(size_t operation) { operations_[operation].dropped = true; }
  /// A write without an answer that says so may be done at any time, or never: that is how each begins.

  /// A write that nobody heard of has been done by then, or never is: it was on its way, and waited for its copies.
  static constexpr Duration latest_effect = 60s;

  bool is_possible() const;
  /// One operation a line, for people.
  std::string text() const;
  size_t size() const { return operations_.size(); }
  size_t acknowledged() const;

 private:
  struct Operation {
    Time begin;
    Time end;  // Time::max(): open, or nobody knows
    Value value = absent;
    bool reads = false;
    bool dropped = false;
  };
  size_t add(Operation operation) {
    operations_.push_back(operation);
    return operations_.size() - 1;
  }
  bool has_answer(const Operation& one) const { return !one.dropped && one.end != Time::max(); }
  /// From when on it is known whether the write was done.
  Time settled(const Operation& write) const;
  bool is_settled(const Operation& read) const;
  bool may_see(const Operation& read) const;
  bool is_replaced(const Operation& write, const Operation& read) const;
  /// That have to be explained, or may explain others; by their begin.
  std::vector<Operation> relevant() const;
  static bool is_linearizable(const std::vector<Operation>& all);

  std::vector<Operation> operations_;
};

}  // namespace barrio::sim
