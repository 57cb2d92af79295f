#pragma once
// What the repository and statistics extensions say, from the engine's own words to the dialect's; for REST and gRPC.

#include <functional>
#include <vector>

#include "api/oip/repository.h"
#include "engine/model_repository.h"

namespace barrio::engine {

/// What callers may do to models. Replicas behind a gateway can be reached by devices, so they only show.
enum class RepositoryRights {
  show,  // index and statistics
  load,  // and load and unload, but no files of this machine
  files  // and load any model file by its path
};
BARRIO_DESCRIBE_ENUM(RepositoryRights, show, load, files)

/// Every model that is to be served is: none has only versions that are still loading.
bool serves_all(const ModelRepository& repository);

enum class Listed { all, ready };

std::vector<api::RepositoryEntry> repository_entries(const ModelRepository& repository, Listed listed);

/// `now` and `wall` are the same instant.
std::vector<api::VersionStatistics> statistics_answer(const std::vector<ModelStatistics>& statistics, Time now,
                                                      WallTime wall);

/// From the parameters of a load request: backend, builtin, path, version, share, memory, device, urgency, deadline_ms.
/// Errors: invalid (names the parameter), denied (path), unsupported (Triton's "config" and "file:...").
Result<LoadParameters> load_parameters(const ports::Parameters& parameters, RepositoryRights rights);
/// The "version" of an unload request; empty: all. Errors: invalid.
Result<std::string> unload_version(const ports::Parameters& parameters);
/// Errors: denied.
Result<void> check_may_load(RepositoryRights rights);

}  // namespace barrio::engine
