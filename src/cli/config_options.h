#pragma once
// The grammar of `barrio config`.

#include "cli/storage_options.h"

namespace barrio::cli {

void add_config_commands(CLI::App& root, const AddLeaf& add_leaf);

}  // namespace barrio::cli
