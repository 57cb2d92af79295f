#pragma once
// Who may hold how much of something that all share (requests in flight at a gateway), so that one member's flood does
// not slow another's work.
//
// A member is active from its first request until it has held nothing for a second. Every active member may always hold
// its weighted part of the capacity. What the others do not use, it may hold as well: max-min fairness, where a
// member's demand is twice what it held at most lately (room for its next burst), or everything if it was just refused.
// A member that is alone may hold all. Allowances are worked out anew ten times a second and when a member becomes
// active; a request then costs one comparison.
//
// For a moment after a member wakes, the others may hold more than is now theirs; together never more than twice the
// capacity.

#include <cstdint>
#include <vector>

#include "base/time.h"

namespace barrio::decide {

class FairShare {
 public:
  static constexpr Duration period = 100ms;
  static constexpr Duration active_for = 1s;
  /// On top of twice its peak: what a member may begin with between two looks.
  static constexpr uint32_t headroom = 8;

  explicit FairShare(uint32_t capacity);

  /// True: one more is held, to be ended by leave(). Members are small numbers.
  bool enter(uint32_t member, double weight, Time now);
  void leave(uint32_t member);
  /// Its number will mean another member. It must hold nothing.
  void forget(uint32_t member);

  uint32_t held(uint32_t member) const { return member < members_.size() ? members_[member].held : 0; }
  uint32_t allowance(uint32_t member) const { return member < members_.size() ? members_[member].allowance : 0; }
  uint32_t total() const { return total_; }
  uint32_t capacity() const { return capacity_; }

 private:
  struct Member {
    uint32_t held = 0;
    uint32_t peak = 0;  // of `held`, forgotten within about a second
    uint32_t allowance = 0;
    bool active = false;
    bool wants_more = false;  // was refused since the last look
    double weight = 1;
    Time seen{};
  };
  void divide(Time now);
  void drop_idle(Time now);
  double demand(const Member& member) const;

  uint32_t capacity_;
  uint32_t total_ = 0;
  Time due_{};
  std::vector<Member> members_;
  std::vector<uint32_t> active_;
};

}  // namespace barrio::decide
