#pragma once
// One deadline for all steps of a pipeline. What has passed is gone, what the later steps need is reserved, and the
// rest is shared out: so each step has a deadline of its own that its device's scheduler can work with, and a request
// that cannot be finished is refused before it costs any device time. Pure: `now` is an argument.

#include <optional>
#include <span>

#include "base/time.h"

namespace barrio::decide {

/// What one step will take: `run` on its device (p99, with a batch as it is usual there), after `queue` behind what
/// waits there already. Neither is negative.
struct StepNeed {
  Duration run{};
  Duration queue{};
};

/// Before the first step: how much time is missing for `steps` to be finished by `deadline`; zero: it fits. A request
/// that starts although this is more than zero would take device time from others and most likely be late.
Duration missing_time(std::span<const StepNeed> steps, Time now, Time deadline);

/// The deadline of the first of `left`, the steps that are not finished. It leaves each later step what it needs, and
/// of what is over gives each a share in proportion to its need; where there is too little for all queues, they share
/// what there is after the runs. The last step's deadline is `deadline`. None: not even the runs fit any more. `left`
/// must not be empty.
std::optional<Time> step_deadline(std::span<const StepNeed> left, Time now, Time deadline);

}  // namespace barrio::decide
