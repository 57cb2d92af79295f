#pragma once
// One generation of a replica as a container. Private to adapters/podman.

#include "adapters/podman/podman_runtime.h"
#include "adapters/podman/specification.h"

namespace barrio::adapters {

struct PodmanWorkloadRuntime::Instance final : KeptServer {
  std::string file_path;  // of its image's archive
};

}  // namespace barrio::adapters
