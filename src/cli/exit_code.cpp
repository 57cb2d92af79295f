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

int tell(const Told& told, Output output) {
  const int code = static_cast<int>(told.exit);
  if (output == Output::json) {
    JsonObject object{{"error", told.text}, {"why", told.why}, {"exit", code}};
    if (!told.next.empty()) object["next"] = told.next;
    std::fprintf(stderr, "%s\n", print_json(object).c_str());
    return code;
  }
  std::fprintf(stderr, "%s: %s\n  why:  %s\n", told.where.c_str(), told.text.c_str(), told.why.c_str());
  if (!told.next.empty()) std::fprintf(stderr, "  next: %s\n", told.next.c_str());
  return code;
}

int report(const Error& error, const Typed& typed, Output output) {
  // That a story did not hold is no kind of error that anything else could react to.
  const bool story = typed.command == "up" && error.code == Code::unsupported;
  return tell({.where = "barrio " + typed.command,
               .text = error.text(),
               .why = story ? "failed" : to_string(error.code),
               .next = next_step(error, typed),
               .exit = exit_for(error.code)},
              output);
}

}  // namespace barrio::cli
