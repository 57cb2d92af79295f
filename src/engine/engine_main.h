#pragma once
// The engine as a process: `barrio engine` is this with the backends that cli chose.

#include <string>
#include <vector>

#include "engine/engine.h"

namespace barrio::engine {

struct InitialModel {
  std::string name;  // in paths and metrics
  LoadParameters parameters;
};

struct EngineOptions {
  std::string listen;  // "unix:/path" or "127.0.0.1:8000"
  std::vector<InitialModel> models;
  EngineConfig engine = {};
};

constexpr int exit_model_failed = 3;

/// Serves until SIGTERM or SIGINT, then answers what it has (for 5 s at most) and returns 0. Returns 2 if it cannot
/// listen and exit_model_failed if one of the models cannot be loaded, each with one log line at level error saying
/// why. The log must have been configured.
int run_engine(const EngineOptions& options, Engine::Backends backends);

}  // namespace barrio::engine
