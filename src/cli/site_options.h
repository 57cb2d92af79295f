#pragma once
// The grammar of how a site is let in: `barrio site join|pending|approve|revoke`.

#include "cli/storage_options.h"

namespace barrio::cli {

void add_site_key_commands(CLI::App& site, const AddLeaf& add_leaf);

}  // namespace barrio::cli
