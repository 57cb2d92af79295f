#pragma once
// Secrets of a site, in files that nobody but its owner may read.

#include <string>

#include "base/result.h"

namespace barrio::adapters::local_files {

/// `field`: of the site's file, for errors. Errors: not_found, denied (others may read it), unavailable.
Result<std::string> read_private_file(const std::string& path, const std::string& field);

/// The site's own key: 64 hex digits, which must not be within the data folder. 32 bytes. Errors: those, and invalid.
Result<std::string> read_site_key(const std::string& path, const std::string& data_folder);

}  // namespace barrio::adapters::local_files
