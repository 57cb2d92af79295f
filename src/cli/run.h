#pragma once
// `barrio` without main(): what was typed, done.

namespace barrio::cli {

/// Returns what to exit with (cli/exit_code.h).
int run(int argc, char** argv);

}  // namespace barrio::cli
