#pragma once
// The grammar of `barrio tenant`.

#include "cli/storage_options.h"

namespace barrio::cli {

void add_tenant_commands(CLI::App& root, const AddLeaf& add_leaf);

}  // namespace barrio::cli
