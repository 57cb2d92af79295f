#include "decide/latency/way_estimate.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace barrio::decide {

namespace {

constexpr double newest_way_part = 1.0 / 64;  // of mean and spread
constexpr double way_step = 1.0 / 4;          // of the spread, and at least
constexpr double way_step_least = 1.0 / 16;   // of the estimate: it comes down again after a burst

}  // namespace

/// As decide/batching's estimate of a run: steps of the spread, up and down as often as the quantile asks for. One that
/// was held up for seconds moves it by one step.
void WayEstimate::observe(Duration took) {
  const double ns = std::max(0.0, static_cast<double>(took.count()));
  if (!std::exchange(seen_, true)) {
    high_ = mean_ = ns;
    spread_ = ns / 4;
    return;
  }
  const double most = mean_ + 8 * spread_ + 1000;
  spread_ += (std::abs(std::min(ns, most) - mean_) - spread_) * newest_way_part;
  mean_ += (std::min(ns, most) - mean_) * newest_way_part;
  const double step = std::max(spread_ * way_step, high_ * way_step_least);
  high_ = ns > high_ ? std::min(ns, high_ + quantile * step) : std::max(ns, high_ - (1 - quantile) * step);
}

}  // namespace barrio::decide
