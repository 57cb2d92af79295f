#pragma once
// The engine as a process: `barrio engine` is this with the backend that cli chose.

#include <string>

#include "ports/inference_backend.h"

namespace barrio::engine {

struct EngineOptions {
  std::string listen;  // "unix:/path" or "127.0.0.1:8000"
  std::string name;    // of the model, in paths and metrics
  std::string builtin;
  std::string model_path;
  size_t workers = 1;
};

constexpr int exit_model_failed = 3;

/// Serves until SIGTERM or SIGINT, then answers what it has (for 5 s at most) and returns 0. Returns 2 if it cannot
/// listen and exit_model_failed if the model cannot be loaded, each with one log line at level error saying why. The
/// log must have been configured.
int run_engine(const EngineOptions& options, ports::InferenceBackend& backend);

}  // namespace barrio::engine
