#pragma once
// The line after "next:" of an error: what to type now.

#include <string>
#include <vector>

#include "base/result.h"

namespace barrio::cli {

/// What an error is about beside itself.
struct Typed {
  std::string command;             // "app show"
  std::vector<std::string> names;  // what stood after it, without options: "risk"
  bool network_runs = false;       // in the home folder
};

/// Empty: nothing is known that would help.
std::string next_step(const Error& error, const Typed& typed);

}  // namespace barrio::cli
