#pragma once
// A whole file at once, for what is read now and then: configuration, keys, archives. Blocks.

#include <string>

#include "base/result.h"

namespace barrio {

/// Errors: not_found, unavailable, exhausted (over 1 GiB); naming the path.
Result<std::string> read_file(const std::string& path);
/// The same of a file that should have this SHA-256, in hex. Errors: denied (it has another one); as read_file.
Result<std::string> read_verified_file(const std::string& path, const std::string& sha256);

}  // namespace barrio
