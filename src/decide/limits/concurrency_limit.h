#pragma once
// How many requests one replica may have at a time after it has stopped answering in time. Programs and containers
// mostly keep what they were sent, wanted or not: once the queue there is longer than a request's time, each answer
// comes when nobody waits for it, at any load, for as long as all that arrives is passed on. So: no limit at first;
// two, once a crowd got no answer; one more with each answer that takes half of the objective at most, one more a round
// up to three quarters of it, fewer by as much as an answer is late; and no limit again when none has been needed for a
// while. An engine, and whatever else turns away by itself what it cannot do in time, keeps no such queue: it has none.

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>

#include "base/time.h"

namespace barrio::decide {

class ConcurrencyLimit {
 public:
  /// An app's own time is three objectives: a replica that keeps its objective works off three requests meanwhile, so
  /// that two at a time let any queue end. Who has no more than two waiting there is no crowd.
  static constexpr uint32_t least = 2;
  static constexpr uint32_t none = std::numeric_limits<uint32_t>::max();
  static constexpr Duration forgotten_after = 10s;

  uint32_t limit() const { return limit_; }
  bool has_room(uint32_t in_flight) const { return in_flight < limit_; }
  /// A request was turned away for want of room.
  void turned_away(Time now) { needed_at_ = now; }
  /// The replica turned a request away itself.
  void declined(Time now) {
    declined_at_ = now;
    limit_ = none;
  }
  /// A request that was sent at `sent` ended without an answer, and nothing else was answered for long. `in_flight`:
  /// what the replica had, this one included.
  void fell_silent(uint32_t in_flight, Time sent, Time now) {
    if (in_flight <= least || sent < cut_at_) return;  // what came before the last cut says nothing of what it did
    if (declined_at_ && now - *declined_at_ < forgotten_after) return;
    cut(least, now);
    needed_at_ = now;
  }
  void answered(Duration objective, Time sent, Time now) {
    if (limit_ == none) return;
    const Duration took = now - sent;
    if (now - needed_at_ >= forgotten_after) {
      limit_ = none;
    } else if (took <= objective / 2 || (took <= objective / 4 * 3 && ++answers_ >= limit_)) {
      answers_ = 0;
      ++limit_;
    } else if (took > objective && sent >= cut_at_) {
      const double share = static_cast<double>(objective.count()) / static_cast<double>(took.count());
      cut(static_cast<uint32_t>(limit_ * share), now);
    }
  }

 private:
  void cut(uint32_t to, Time now) {
    limit_ = std::max(least, to);
    answers_ = 0;
    cut_at_ = now;
  }

  uint32_t limit_ = none;
  uint32_t answers_ = 0;  // in the third quarter of the objective, since the limit changed
  Time cut_at_{};
  Time needed_at_{};
  std::optional<Time> declined_at_;
};

}  // namespace barrio::decide
