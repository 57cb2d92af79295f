#pragma once
// The grammar of how a site comes into the network and is let in: `barrio site
// add|set|account|join|pending|approve|revoke`.

#include "cli/storage_options.h"

namespace barrio::cli {

void add_new_site_commands(CLI::App& site, const AddLeaf& add_leaf);
void add_site_key_commands(CLI::App& site, const AddLeaf& add_leaf);

}  // namespace barrio::cli
