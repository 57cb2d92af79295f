#pragma once
// Where a site's storage keeps its bytes, as the site's file says: on a disk, or in an S3 service.

#include <memory>

#include "adapters/s3/service.h"
#include "cli/roles.h"
#include "ports/medium.h"

namespace barrio::cli {

/// Where its objects are kept: as the file says, or in its own folder; what is never elsewhere is here, too.
std::string storage_folder(const SiteFile& file);

/// What the file says of the service, checked; its credentials are read. Errors name the field.
Result<adapters::s3::ServiceConfig> s3_service_config(const StorageS3File& file, const std::string& site);

/// Nothing is asked of it yet. `site_key`: 32 bytes; seals names where these would be read by others.
Result<std::unique_ptr<ports::Medium>> storage_medium(const SiteFile& file, const std::string& site_key);

}  // namespace barrio::cli
