#pragma once
// An app that is a program of its own: an executable, or a folder with one, which a site runs in a sandbox
// (docs/programs.md).

#include "model/server.h"

namespace barrio {

/// `file`: one executable, or a folder, which the CLI uploads as a tar archive.
struct ProgramSpec : ServerSpec {
  /// What is executed: `command`, or the only file, which is called `program`, and then the arguments.
  std::vector<std::string> words() const;
};
BARRIO_DESCRIBE(ProgramSpec, (),
                (file, sha256, command, arguments, environment, secrets, port, processes, files, scratch, ready, live,
                 start_within))
BARRIO_JSON_APART(ProgramSpec)

}  // namespace barrio
