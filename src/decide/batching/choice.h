#pragma once
// Which batch to run now: over all models of a device, the one that is worth most for the time that it takes.
//
// An answer is worth the device time that it costs at best, so that no model is preferred for being small. A batch is worth
// its answers, less what the others lose by waiting for its end (docs/engine.md, "Scheduling").

#include <optional>
#include <span>
#include <vector>

#include "decide/batching/lane.h"

namespace barrio::decide {

/// A lane as a plan sees it: what waits from `from` on.
struct LaneView {
  const Lane* lane = nullptr;
  ModelIndex model = 0;
  size_t from = 0;
  bool hold = false;  // not to be run now; it still counts what it loses by waiting
};

struct Moment {
  Time now{};
  Time next_slot = Time::max();  // when another slot is free; now: there is one already
  bool forecast = false;         // expect what arrives at its usual rate
};

struct Choice {
  size_t view = 0;  // which of the lanes
  Window window;
  Time end{};
};

class Chooser {
 public:
  /// None: nothing that waits can be finished in time.
  std::optional<Choice> choose(std::span<const LaneView> views, const Moment& moment);

 private:
  double expected(const LaneView& view, Duration time, const Moment& moment) const;
  Duration next_run(size_t view, Time start, std::span<const LaneView> views, const Moment& moment) const;
  Time harmless_end(size_t chosen, std::span<const LaneView> views, const Moment& moment) const;
  double loss(size_t view, Time start, std::span<const LaneView> views, const Moment& moment) const;
  double score(size_t chosen, const Window& window, std::span<const LaneView> views, const Moment& moment) const;

  std::vector<Window> windows_;
};

}  // namespace barrio::decide
