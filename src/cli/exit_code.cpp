#include "cli/exit_code.h"

#include <cstdio>

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

std::string next_step(const Error& error, const std::string& command) {
  const bool about_site = command.starts_with("site");
  const bool about_config = command.starts_with("config");
  if (error.what.starts_with("cannot be read")) return "check the path";
  if (command == "verify" && error.code == Code::denied)
    return "ask for another file, or for the right keys: this one proves nothing";
  switch (error.code) {
    case Code::invalid: return "correct it and run the same command again (barrio " + command + " --help)";
    case Code::not_found:
      if (command.starts_with("tenant")) return "barrio tenant list, barrio tenant key list NAME";
      if (about_config) return "barrio config show";
      return about_site ? "barrio site list" : "barrio app list";
    case Code::denied: return "barrio context list, then the same command with --as NAME";
    case Code::exhausted: return "make room (free or delete what is not needed), then run the same command again";
    case Code::conflict:
      if (about_config) return "barrio config show";
      return about_site ? "barrio site list" : "barrio explain APP";
    case Code::unavailable:
    case Code::timed_out: return "barrio up, or BARRIO_CONTROL=http://IP:PORT where control runs elsewhere";
    case Code::cancelled: return "run the same command again";
    case Code::unsupported: return "barrio " + command + " --help";
  }
  return "barrio --help";
}

int report(const Error& error, const std::string& command) {
  std::fprintf(stderr, "barrio %s: %s\n  why:  %s\n  next: %s\n", command.c_str(), error.text().c_str(),
               to_string(error.code), next_step(error, command).c_str());
  return static_cast<int>(exit_for(error.code));
}

}  // namespace barrio::cli
