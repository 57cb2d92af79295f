#pragma once
// What the steps of pipelines take, as their pipelines have seen it: the p99 of the run and a moving mean of the rest.
// A step that was not seen needs nothing, so the first request tries it. What was seen is believed only while it is
// fresh: else a busy spell would be reserved for when it is over, and a slow first run, which makes every request look
// hopeless, would never be corrected. Lives on one thread.

#include <array>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "decide/batching/pipeline.h"

namespace barrio::engine {

class MeasuredNeeds {
 public:
  /// A step's longest run took `run`, and all of it `whole`, which includes waiting.
  void add(std::string_view step, Duration run, Duration whole, Time now);
  decide::StepNeed of(std::string_view step, Time now) const;

 private:
  static constexpr size_t window = 128;
  struct Step {
    std::array<Duration, window> runs{};  // the last ones
    size_t seen = 0;
    Duration run{};    // p99 of them
    double queue = 0;  // ns
    Time last{};
  };
  std::map<std::string, Step, std::less<>> steps_;
};

}  // namespace barrio::engine
