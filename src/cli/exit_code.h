#pragma once
// What `barrio` exits with, and how an error is told: what happened, why, and the next command to type.

#include "base/result.h"
#include "cli/next_step.h"
#include "cli/options.h"

namespace barrio::cli {

enum class Exit { ok = 0, failed = 1, usage = 2, not_found = 3, denied = 4, refused = 5, unavailable = 6 };

/// conflict and exhausted are refusals; invalid is the caller's input.
Exit exit_for(Code code);
struct Told {
  std::string where;  // "barrio app show"
  std::string text;   // what happened
  std::string why;
  std::string next;  // what to type now; empty: nothing is known
  Exit exit = Exit::failed;
};
/// Prints it on the standard error, as a JSON object of one line where output is, and returns what to exit with.
int tell(const Told& told, Output output);
/// The same for an error of a command.
int report(const Error& error, const Typed& typed, Output output);

/// For `barrio --help`.
inline constexpr const char* exit_codes_text =
    "Exit codes: 0 done, 1 failed, 2 wrong usage or input, 3 not found, 4 denied, 5 refused (by placement or "
    "policy, or by what is there already), 6 unavailable";

}  // namespace barrio::cli
