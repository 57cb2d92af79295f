#pragma once
// The site's workloads of all kinds behind one runtime: models go to one, containers to another, where there is one.

#include "ports/workload_runtime.h"

namespace barrio::agent {

class WorkloadKinds final : public ports::WorkloadRuntime {
 public:
  /// `containers` null: this site runs none, and says so.
  WorkloadKinds(ports::WorkloadRuntime& models, ports::WorkloadRuntime* containers)
      : models_(models), containers_(containers) {}

  Result<void> ensure(const ports::WorkloadSpec& spec) override;
  Result<void> stop(const ReplicaId& id) override;
  Result<std::vector<ports::WorkloadStatus>> list() override;
  Result<std::vector<std::string>> logs(const ReplicaId& id, size_t lines) override;
  Result<ports::WorkloadUsage> usage(const ReplicaId& id) override;

 private:
  ports::WorkloadRuntime& models_;
  ports::WorkloadRuntime* containers_;
};

}  // namespace barrio::agent
