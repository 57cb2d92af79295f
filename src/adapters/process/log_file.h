#pragma once
// The log of a child process, which the child appends to: kept bounded, and read from its end.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace barrio::adapters {

/// Over `most` bytes: keeps only the last quarter of that. What the child writes in the same instant may be lost.
void trim_log(const std::string& path, size_t most);
/// At most `lines` lines that `wanted` says yes to, newest last, of at most the last 256 KiB. Errors: not_found.
Result<std::vector<std::string>> last_lines(
    const std::string& path, size_t lines,
    const std::function<bool(std::string_view)>& wanted = [](std::string_view) { return true; });

}  // namespace barrio::adapters
