#pragma once
// The log of a child process, which the child appends to: kept bounded, and read from its end.

#include <string>
#include <vector>

#include "base/result.h"

namespace barrio::adapters {

/// Over `most` bytes: keeps only the last quarter of that. What the child writes in the same instant may be lost.
void trim_log(const std::string& path, size_t most);
/// At most `lines` lines, newest last, of at most the last 256 KiB. Errors: not_found.
Result<std::vector<std::string>> last_lines(const std::string& path, size_t lines);

}  // namespace barrio::adapters
