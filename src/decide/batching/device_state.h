#pragma once
// What a DeviceScheduler remembers, and the steps of its decisions: admission.cpp, starting.cpp.

#include <algorithm>
#include <optional>
#include <vector>

#include "decide/batching/plan.h"
#include "decide/batching/scheduler.h"
#include "decide/batching/shares.h"

namespace barrio::decide {

struct DeviceScheduler::State {
  /// Best effort that has waited this long goes next, once.
  static constexpr Duration patience = 1s;

  explicit State(DeviceConfig asked);

  // What is there.
  Lane* lane(ModelIndex model) { return model < lanes.size() && lanes[model] ? &*lanes[model] : nullptr; }
  void look_at_slots(Time now);
  /// With `forecast`, also what is expected, and lanes where nothing waits yet.
  void look_at_lanes(Time now, bool forecast);
  /// As many runs of the model are under way as may be.
  bool full(ModelIndex model) const;
  /// Slots that it can use.
  size_t slots_of(const Lane& lane) const { return std::min(slots.size(), lane.at_once()); }
  void drop(ModelIndex model, size_t index, size_t count, Dropped::Why why);
  /// Drops what could not make it even if it ran alone from `next_start` on.
  void drop_hopeless(Time next_start, Dropped::Why why);
  bool removed(WorkId id);

  // Admission.
  struct Verdict {
    Outlook outlook;
    bool good = false;
  };
  std::variant<Accepted, Decline> admit(const Work& work, Time now);
  Accepted admit_spare(const Work& work, Lane& lane, Time now);
  size_t insert(Lane& lane, const Waiting& entry);
  Waiting erase(Lane& lane, size_t index);
  void weigh(Lane& lane, Time now);
  Outlook outlook(uint64_t work, Time now);
  Verdict judge(const Waiting& entry, const Lane& lane, Time now);
  bool likely_given_up_for_later(const Waiting& entry, const Lane& lane, const Outlook& seen, Time now) const;
  double pressure(const Lane& lane, Time now) const;
  void keep(Waiting& entry);
  Verdict insist(const Waiting& entry, bool hard, Time now);
  std::optional<std::pair<ModelIndex, size_t>> victim_for(const Waiting& entry, bool hard, Time now) const;
  Decline decline(const Work& work, Lane& lane, Waiting entry, Time now);

  // Starting.
  Next next(Time now);
  bool keeps_promises(const BatchChoice& choice, size_t slot, Time now);
  std::optional<Time> hold(Time now);
  std::optional<BatchChoice> choose(size_t slot, Time now);
  RunBatch run(const BatchChoice& choice, size_t slot);
  std::optional<ModelIndex> oldest_spare() const;
  std::optional<Time> spare_due() const;
  size_t spare_fits(const Lane& lane, Time now) const;
  RunBatch run_spare(ModelIndex model, size_t count, size_t slot, Time now);
  std::optional<RunBatch> run_due_spare(size_t slot, Time now);

  struct Slot {
    bool busy = false;
    Time end{};
    ModelIndex model = 0;
  };

  DeviceConfig config;
  std::vector<Slot> slots;
  std::vector<std::optional<Lane>> lanes;  // by ModelIndex
  Shares shares;
  size_t waiting = 0;   // in all lanes
  size_t promises = 0;  // kept works that wait
  uint64_t number = 0;
  Time spare_ran{};
  /// Best effort is due and promises stand in its way: those made from this number on leave it room. 0: it is not.
  uint64_t room_from = 0;
  Duration room{};

  // Scratch, so that nothing is allocated in the steady state.
  Plan plan;
  Chooser chooser;
  std::vector<Time> slot_times;
  std::vector<ModelIndex> slot_runs;
  std::vector<LaneView> views;
  std::vector<WorkId> ids;
  std::vector<Dropped> dropped;
  std::vector<Dropped> taken;
  struct Displaced {
    ModelIndex model;
    Waiting entry;
  };
  std::vector<Displaced> displaced;
};

}  // namespace barrio::decide
