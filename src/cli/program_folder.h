#pragma once
// The folder of a program, as it is uploaded.

#include <string>

#include "base/result.h"

namespace barrio::cli {

/// A tar archive of all that is in it, the same for the same files. Errors: invalid (there is something that cannot be
/// run from), not_found, unavailable, exhausted (over 256 MiB), naming the path.
Result<std::string> pack_folder(const std::string& folder);

}  // namespace barrio::cli
