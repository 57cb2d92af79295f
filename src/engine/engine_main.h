#pragma once
// The engine as a process: `barrio engine` is this with the backends that cli chose.

#include <optional>
#include <string>

#include "engine/engine.h"
#include "engine/replica_host.h"
#include "ports/accelerators.h"

namespace barrio::engine {

/// Exactly one of `own` and `control`.
struct EngineOptions {
  std::optional<ReplicaOptions> own = {};  // all that it serves; what of it cannot be loaded ends the process
  std::string control = {};                // "unix:/path": told there what to serve (engine/replica_host.h)
  EngineConfig engine = {};
  /// What replicas get; of `own` the decoder alone.
  ReplicaMeans replicas = {};
  /// Asked for metrics (engine/device_gauges.h); outlives the engine. Null: there are none.
  ports::Accelerators* accelerators = nullptr;
};

constexpr int exit_model_failed = 3;

/// Serves until SIGTERM or SIGINT, then answers what it has (for 5 s at most) and returns 0. Returns 2 if it cannot
/// listen and exit_model_failed if one of its own models cannot be loaded, each with one log line at level error saying
/// why. The log must have been configured.
int run_engine(const EngineOptions& options, Engine::Backends backends);

}  // namespace barrio::engine
