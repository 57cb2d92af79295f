#pragma once
// One generation of a replica as a container. Private to adapters/podman.

#include "adapters/podman/podman_runtime.h"
#include "adapters/podman/specification.h"

namespace barrio::adapters {

struct PodmanWorkloadRuntime::Instance {
  ports::WorkloadSpec spec;
  std::string name;
  bool unwanted = false;  // its container goes
  ReplicaPhase phase = ReplicaPhase::starting;
  std::string detail = "not started yet";
  std::string endpoint;
  int64_t restarts = 0;
  Time started{};

  const ReplicaOrder& order() const { return spec.order; }
  const ContainerSpec& container() const { return *spec.order.container; }
};

}  // namespace barrio::adapters
