#pragma once
// The grammar of `barrio bucket`, `barrio object` and `barrio export`.

#include <CLI/CLI.hpp>
#include <functional>

#include "cli/options.h"

namespace barrio::cli {

/// Adds a command whose callback stores what `made` returns.
using AddLeaf =
    std::function<CLI::App*(CLI::App& parent, const char* name, const char* help, std::function<Command()> made)>;

void add_storage_commands(CLI::App& root, const AddLeaf& add_leaf);

}  // namespace barrio::cli
