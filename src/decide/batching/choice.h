#pragma once
// Which batch to run now, over all models of a device: of those that make nothing else late, the one that is worth most
// for the time that it takes.
//
// An answer is worth the device time that it costs at best, so that no model is preferred for being small. Nothing
// else: neither what waits in other lanes nor what is expected to come into them (docs/engine.md, "Scheduling").

#include <optional>
#include <span>
#include <vector>

#include "decide/batching/lane.h"

namespace barrio::decide {

/// A lane as a plan sees it.
struct LaneView {
  const Lane* lane = nullptr;
  ModelIndex model = 0;
  std::span<const Waiting> waiting;
  double rate = 0;    // of what is expected to come, per ns; 0: nothing is
  bool hold = false;  // not to be run now; it is guarded all the same
  bool full = false;  // runs as often at once as it may; no slot is kept for it, as those it runs on come free
};

struct Moment {
  Time now{};
  Time next_slot = Time::max();  // when another slot is free; now: there is one already
};

struct BatchChoice {
  size_t view = 0;  // which of the lanes
  Window window;
  Time end{};
};

class Chooser {
 public:
  /// Of `slots`. With several, what one leaves behind another can still take, if it is not too old: leaving it costs
  /// more.
  explicit Chooser(size_t slots) : cost_of_skipping_(slots == 1 ? 0 : 0.2) {}

  /// What is expected counts this much more than its mean: arrivals scatter.
  static constexpr double headroom = 1.3;

  Window window(const LaneView& view, Time start, size_t most) const {
    return best_window(view.lane->profile(), view.waiting, {start, most, cost_of_skipping_});
  }
  /// None: nothing that waits can be finished in time.
  std::optional<BatchChoice> choose(std::span<const LaneView> views, const Moment& moment);

 private:
  struct Scored {
    BatchChoice choice;
    bool harmless = false;
    double score = 0;  // worth per time, at most about 1
    Time latest{};     // start at which it could still be finished in time
  };
  static bool better(const Scored& one, const Scored& than);
  Scored scored(size_t chosen, const Window& window, bool harmless, std::span<const LaneView> views,
                const Moment& moment) const;
  bool makes_late(size_t other, Time start, std::span<const LaneView> views, Time now) const;
  double loss(size_t other, Time start, std::span<const LaneView> views, Time now) const;
  size_t harmless(size_t chosen, std::span<const LaneView> views, const Moment& moment) const;

  double cost_of_skipping_;
  std::vector<Window> windows_;  // of each lane
};

}  // namespace barrio::decide
