#pragma once
// Reading what image an OCI archive holds: a tar file with an index.json that names the image's manifest by its digest.

#include <string>
#include <string_view>

#include "base/result.h"

namespace barrio::cli {

/// "sha256:<64 hex digits>" of the one image in it. Errors: invalid.
Result<std::string> image_digest(std::string_view archive);

}  // namespace barrio::cli
