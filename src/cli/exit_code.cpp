#include "cli/exit_code.h"

#include <cstdio>

#include "base/json.h"

namespace barrio::cli {

Exit exit_for(Code code) {
  switch (code) {
    case Code::invalid: return Exit::usage;
    case Code::not_found: return Exit::not_found;
    case Code::denied: return Exit::denied;
    case Code::conflict:
    case Code::exhausted: return Exit::refused;
    case Code::unavailable:
    case Code::timed_out: return Exit::unavailable;
    case Code::cancelled:
    case Code::unsupported: return Exit::failed;
  }
  return Exit::failed;
}

int report(const Error& error, const Typed& typed, Output output) {
  const Exit code = exit_for(error.code);
  const std::string next = next_step(error, typed);
  // That a story did not hold is no kind of error that anything else could react to.
  const char* why = typed.command == "up" && error.code == Code::unsupported ? "failed" : to_string(error.code);
  if (output == Output::json) {
    JsonObject told{{"error", error.text()}, {"why", why}, {"exit", static_cast<int>(code)}};
    if (!next.empty()) told["next"] = next;
    std::fprintf(stderr, "%s\n", print_json(told).c_str());
    return static_cast<int>(code);
  }
  std::fprintf(stderr, "barrio %s: %s\n  why:  %s\n", typed.command.c_str(), error.text().c_str(), why);
  if (!next.empty()) std::fprintf(stderr, "  next: %s\n", next.c_str());
  return static_cast<int>(code);
}

}  // namespace barrio::cli
