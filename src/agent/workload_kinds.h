#pragma once
// The site's workloads of all kinds behind one runtime: models go to one, containers and programs to others, where
// there are such.

#include <vector>

#include "ports/workload_runtime.h"

namespace barrio::agent {

class WorkloadKinds final : public ports::WorkloadRuntime {
 public:
  /// Null: this site runs none of that kind, and says so.
  WorkloadKinds(ports::WorkloadRuntime& models, ports::WorkloadRuntime* containers, ports::WorkloadRuntime* programs);

  Result<void> ensure(const ports::WorkloadSpec& spec) override;
  Result<void> stop(const ReplicaId& id) override;
  Result<std::vector<ports::WorkloadStatus>> list() override;
  Result<std::vector<std::string>> logs(const ReplicaId& id, size_t lines) override;
  Result<ports::WorkloadUsage> usage(const ReplicaId& id) override;
  SiteRuns runs() const override { return {containers_ != nullptr, programs_ != nullptr}; }

 private:
  Result<ports::WorkloadRuntime*> kind_of(const ReplicaOrder& order) const;

  ports::WorkloadRuntime& models_;
  ports::WorkloadRuntime* containers_;
  ports::WorkloadRuntime* programs_;
  std::vector<ports::WorkloadRuntime*> all_;  // that are there, the models' last
};

}  // namespace barrio::agent
