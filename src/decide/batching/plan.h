#pragma once
// What would become of everything that waits if nothing else came: the device's own choices, played forward. What is
// admitted and what is promised rests on it.

#include <span>
#include <vector>

#include "decide/batching/choice.h"

namespace barrio::decide {

struct Outlook {
  /// When the asked work would be finished; Time::max(): it would not run.
  Time finish = Time::max();
  Time start = Time::max();
  /// It is the first of its batch, whose deadline bounds it.
  bool opens = false;
  /// A kept work would not be finished in time.
  bool breaks_promise = false;
};

class Plan {
 public:
  struct Ask {
    std::span<const LaneView> views;
    std::span<const Time> slots;          // when each is free
    std::span<const ModelIndex> running;  // what runs on each until then; nothing_runs: nothing
    Time now{};
    uint64_t work = 0;           // the `number` of the one that is asked about; 0: none
    bool promises = false;       // there are kept works, to be followed to their end
    uint64_t promised_from = 0;  // those with a smaller number do not count
  };
  static constexpr ModelIndex nothing_runs = UINT32_MAX;
  explicit Plan(size_t slots) : chooser_(slots) {}
  Outlook look(const Ask& ask);

 private:
  bool give_up_late(const Ask& ask, Time now, Outlook& outlook);
  bool mark_full(Time now);
  void run(const Ask& ask, const BatchChoice& choice, Time start, Outlook& outlook);

  Chooser chooser_;
  std::vector<LaneView> views_;
  std::vector<Time> slots_;
  std::vector<ModelIndex> running_;
};

}  // namespace barrio::decide
