#pragma once
// Runs replicas on this site. All calls are idempotent and may park the calling fiber.

#include <string>
#include <vector>

#include "model/snapshot.h"

namespace barrio::ports {

/// A replica to run, with its files already on this site's disk.
struct WorkloadSpec {
  ReplicaOrder order;     // the files of a pipeline's steps are paths on this site's disk
  std::string file_path;  // of its model or its image; empty: built in, or a pipeline
};

struct WorkloadStatus {
  ReplicaReport report;
  AppKey app;
  std::string endpoint;  // "unix:/path" once it has one
};

/// What a replica takes now. None: this runtime cannot tell it apart.
struct WorkloadUsage {
  std::optional<double> cores;
  std::optional<Bytes> memory;
  std::optional<int64_t> processes;
};

class WorkloadRuntime {
 public:
  virtual ~WorkloadRuntime() = default;
  /// Makes it run: starts it, restarts it (with back-off) if it died, replaces it if the generation differs.
  virtual Result<void> ensure(const WorkloadSpec& spec) = 0;
  /// Ends it and forgets it; not_found is success.
  virtual Result<void> stop(const ReplicaId& id) = 0;
  /// Everything that runs or should, with readiness probed.
  virtual Result<std::vector<WorkloadStatus>> list() = 0;
  /// The last lines of its output, newest last. Errors: not_found.
  virtual Result<std::vector<std::string>> logs(const ReplicaId& id, size_t lines) = 0;
  /// Errors: not_found, unavailable.
  virtual Result<WorkloadUsage> usage(const ReplicaId& id) = 0;
  /// Which kinds it could run at all.
  virtual SiteRuns runs() const { return {}; }
};

}  // namespace barrio::ports
