#pragma once
// What a device runs next, over all models on it. Pure: the engine and the simulator call it with `now` as an argument.
//
// A device has slots that run at the same time and are alike: 1 for an accelerator, n for n alike accelerators that
// serve the same models, one for each core of a CPU. The caller admits work as it arrives, asks next() after every
// admit(), finished() and at the time that next() named, until it says that there is nothing to run; and says when a
// run is over.
//
//   admit    the plan (plan.h) is worked out with the new work in it: taken if it is finished in time and no hard work
//            becomes late, else declined with the time it would have taken. Everything admitted ends exactly once: it
//            is run, or dropped, or cancelled.
//   next     what cannot make it is dropped; of the batches that could start now, the one that loses least
//            (docs/engine.md, "Scheduling").
//
// Nothing allocates once the largest queue was seen; every queue is bounded. One thread at a time.

#include <memory>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "decide/batching/profile.h"
#include "decide/batching/work.h"

namespace barrio::decide {

struct DeviceConfig {
  size_t slots = 1;
  size_t most_waiting = 4096;  // over all models
  /// A CPU core: batching does not pay there, whatever the profile's noise says. Batches of at most 2.
  bool is_cpu = false;
  /// Taken off every deadline: what passes between a run's end and its answer being written.
  Duration margin{};
};

/// Run this batch on a free slot, at once. `ids` are valid until the next call of a non-const function.
struct RunBatch {
  uint32_t slot = 0;  // to be given back to finished()
  ModelIndex model = 0;
  std::span<const WorkId> ids;
  Time predicted_end{};
};
/// Ask again at this time, if nothing else happens before.
struct WaitUntil {
  Time time{};
};
/// Nothing to do until something arrives or is finished.
struct Idle {};
using Next = std::variant<Idle, WaitUntil, RunBatch>;

class DeviceScheduler {
 public:
  explicit DeviceScheduler(DeviceConfig config);
  ~DeviceScheduler();
  DeviceScheduler(DeviceScheduler&&) noexcept;
  DeviceScheduler& operator=(DeviceScheduler&&) noexcept;

  /// Adds the model, or gives it a new profile. The largest batch is the profile's. At most `at_once` of its runs are
  /// under way at the same time.
  void set_model(ModelIndex model, Profile profile, size_t at_once = SIZE_MAX);
  /// What waits for it is dropped (see take_dropped); what runs ends as usual.
  void remove_model(ModelIndex model);

  std::variant<Accepted, Decline> admit(const Work& work, Time now);
  Next next(Time now);
  /// The run on that slot is over, well or not.
  void finished(uint32_t slot, Time now);
  /// False: it does not wait here (it runs, or is over).
  bool cancel(WorkId id);

  /// What admit, next and remove_model gave up since the last call. Valid until the next call of a non-const function.
  std::span<const Dropped> take_dropped();

  size_t waiting() const;
  size_t waiting(ModelIndex model) const;
  size_t running() const;  // slots in use
  /// When a request for this model that arrived now would be finished; nothing is kept. For choosing between devices.
  std::optional<Time> predicted_finish(ModelIndex model, Time now);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace barrio::decide
