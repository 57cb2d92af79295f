#pragma once
// The processes below one, as /proc tells: how a sandbox is looked at where no control group counts for it.

#include "adapters/process/control_group.h"

namespace barrio::adapters {

/// Of the process and all that it has started, directly or not. Memory: the share of each in what it has mapped (PSS),
/// also on swap, so that what several share counts once; memory that they share without a file counts in full, since it
/// stays where nobody has it mapped any more for the moment. Blocks. Errors: unavailable (it is gone).
Result<SandboxUsage> usage_below(pid_t first);
/// What it has started, in the order of their start. Empty: nothing, or it is gone.
std::vector<pid_t> children_of(pid_t process);

}  // namespace barrio::adapters
