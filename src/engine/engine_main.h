#pragma once
// The engine as a process: `barrio engine` is this with the backends that cli chose.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/repository_answers.h"
#include "model/app.h"
#include "ports/accelerators.h"
#include "ports/generation_backend.h"
#include "ports/video.h"

namespace barrio::engine {

struct InitialModel {
  std::string name;  // in paths and metrics
  LoadParameters parameters;
};

struct InitialPipeline {
  std::string name;
  PipelineSpec spec;  // its steps' models are among the models, as engine/pipeline.h names them
};

/// Streams of video for one app (engine/streams.h).
struct InitialStreams {
  std::string app;  // a model or pipeline
  StreamSpec spec;
  /// Reads their sources; empty: only frames that are posted are taken.
  std::function<std::unique_ptr<ports::VideoDecoder>(net::Reactor&)> make_decoder = {};
};

struct EngineOptions {
  std::string listen;  // "unix:/path" or "127.0.0.1:8000"
  std::vector<InitialModel> models;
  std::vector<InitialPipeline> pipelines = {};
  std::optional<InitialStreams> streams = {};
  EngineConfig engine = {};
  RepositoryRights repository = RepositoryRights::show;
  /// Made on the engine's loop; answers OpenAI's API and generate. None: there is no such path.
  std::function<std::unique_ptr<ports::GenerationBackend>(net::Reactor&)> generation = {};
  /// Asked for metrics (engine/device_gauges.h); outlives the engine. Null: there are none.
  ports::Accelerators* accelerators = nullptr;
};

constexpr int exit_model_failed = 3;

/// Serves until SIGTERM or SIGINT, then answers what it has (for 5 s at most) and returns 0. Returns 2 if it cannot
/// listen and exit_model_failed if one of the models cannot be loaded, each with one log line at level error saying
/// why. The log must have been configured.
int run_engine(const EngineOptions& options, Engine::Backends backends);

}  // namespace barrio::engine
