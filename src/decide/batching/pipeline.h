#pragma once
// One deadline for all steps of a pipeline. What has passed is gone, and what the later steps need is reserved: so each
// step has a deadline of its own that its device's scheduler can work with, and a request that cannot be finished is
// refused before it costs any device time. Pure: `now` is an argument.

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

/// Before the first step: how much time is missing for the runs of `steps`; zero: they fit. The queues are left to the
/// devices' own admission, which knows them better than a mean of what was.
Duration missing_time(std::span<const StepNeed> steps, Time now, Time deadline);

/// The deadline of the first of `left`, the steps that are not finished: the latest that leaves each later step what it
/// needs. What a step does not use of its time the next ones have. (To share out what is over is no better where each
/// step has a device, and worse where they share one: it makes the first batches small; docs/pipelines.md.) Where there
/// is too little for all queues, they share what there is after the runs, in proportion. The last step's deadline is
/// `deadline`. None: not even the runs fit any more. `left` must not be empty.
std::optional<Time> step_deadline(std::span<const StepNeed> left, Time now, Time deadline);

}  // namespace barrio::decide
