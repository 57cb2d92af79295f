#pragma once
// What `barrio` exits with, and how an error is told: what happened, why, and the next command to type.

#include <string>

#include "base/result.h"

namespace barrio::cli {

enum class Exit { ok = 0, failed = 1, usage = 2, not_found = 3, denied = 4, refused = 5, unavailable = 6 };

/// conflict and exhausted are refusals of placement or policy; invalid is the caller's input.
Exit exit_for(Code code);
/// The line after "next:", for a person. `command` is what was typed ("app show").
std::string next_step(const Error& error, const std::string& command);
/// Prints the error on standard error and returns what to exit with.
int report(const Error& error, const std::string& command);

/// For `barrio --help`.
inline constexpr const char* exit_codes_text =
    "Exit codes: 0 done, 1 failed, 2 wrong usage or input, 3 not found, 4 denied, 5 refused by placement or policy, 6 "
    "unavailable";

}  // namespace barrio::cli
