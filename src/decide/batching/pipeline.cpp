#include "decide/batching/pipeline.h"

#include <algorithm>

#include "base/check.h"

namespace barrio::decide {

namespace {

StepNeed sum(std::span<const StepNeed> steps) {
  StepNeed total;
  for (const StepNeed& step : steps) {
    total.run += step.run;
    total.queue += step.queue;
  }
  return total;
}

/// amount * part / whole, rounded down; whole is more than zero.
Duration share(Duration amount, Duration part, Duration whole) {
  return Duration(static_cast<Duration::rep>(static_cast<__int128>(amount.count()) * part.count() / whole.count()));
}

}  // namespace

Duration missing_time(std::span<const StepNeed> steps, Time now, Time deadline) {
  return std::max(Duration::zero(), sum(steps).run - (deadline - now));
}

std::optional<Time> step_deadline(std::span<const StepNeed> left, Time now, Time deadline) {
  CHECK(!left.empty());
  const StepNeed all = sum(left);
  const Duration spare = deadline - now - all.run;
  if (spare < Duration::zero()) return std::nullopt;
  if (left.size() == 1) return deadline;
  const StepNeed& first = left.front();
  if (spare < all.queue) return now + first.run + share(spare, first.queue, all.queue);
  return deadline - (all.run - first.run) - (all.queue - first.queue);
}

}  // namespace barrio::decide
