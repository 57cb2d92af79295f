#pragma once
// One network in a home folder at a time: `barrio up` has its file `lock` locked as long as it runs.

#include <string>

#include "base/owned_descriptor.h"
#include "base/result.h"

namespace barrio::cli {

/// Makes the folder where it is missing. The lock ends with what is returned, or with the process. Errors: conflict,
/// with the number of the process that has it; unavailable.
Result<OwnedDescriptor> lock_home(const std::string& home);
/// Whether somebody has it now.
bool network_runs_in(const std::string& home);

}  // namespace barrio::cli
