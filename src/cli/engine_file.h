#pragma once
// The engine's configuration file: where it listens, its devices and its models.

#include "base/json.h"
#include "engine/engine_main.h"
#include "model/app.h"

namespace barrio::cli {

struct EngineDeviceFile {
  std::string name;
  int64_t slots = 1;            // runs at the same time; of a CPU: one for each core
  std::string kind = "cpu";     // or "accelerator"
  std::optional<Bytes> memory;  // for models; none: not limited
  /// Ids, as `barrio site devices` has them. Empty, of the only such device: all that there are.
  std::vector<std::string> accelerators;
  /// A model server that has it, by the settings of that backend ("url=http://127.0.0.1:8001/v1,model=llama-3"): it
  /// answers for apps of the backend oip or openai that ask for an accelerator of this name.
  std::string oip;
  std::string openai;
  static constexpr std::string_view defaulted[] = {"slots", "kind", "accelerators", "oip", "openai"};
  Result<void> check() const;
};
BARRIO_DESCRIBE(EngineDeviceFile, (), (name, slots, kind, memory, accelerators, oip, openai))

struct EngineModelFile {
  std::string name;
  std::string backend;
  std::string builtin;
  std::string path;
  std::string device;   // empty: the first
  std::string urgency;  // "hard", "soft", "best_effort"; empty: soft
  std::optional<Duration> deadline;
  std::optional<Bytes> memory;
  static constexpr std::string_view defaulted[] = {"backend", "builtin", "path", "device", "urgency"};
};
BARRIO_DESCRIBE(EngineModelFile, (), (name, backend, builtin, path, device, urgency, deadline, memory))

/// A model that a server of OpenAI's API has.
struct EngineTextModelFile {
  std::string name;
  std::string server;  // adapters/openai/openai_settings.h: "url=http://127.0.0.1:8001/v1,first_token=500ms"
};
BARRIO_DESCRIBE(EngineTextModelFile, (), (name, server))

/// Its steps' models are loaded beside the others; `file` of a step is a path on this machine.
struct EnginePipelineFile {
  std::string name;
  PipelineSpec pipeline;
};
BARRIO_DESCRIBE(EnginePipelineFile, (), (name, pipeline))

struct EngineStreamsFile {
  std::string app;  // the model or pipeline that looks at the frames
  StreamSpec stream;
};
BARRIO_DESCRIBE(EngineStreamsFile, (), (app, stream))

struct EngineFile {
  std::string listen;                     // left out where --control is given, like all but the devices and weights
  std::vector<EngineDeviceFile> devices;  // empty: one CPU with one slot
  std::vector<EngineModelFile> models;
  std::vector<EngineTextModelFile> text_models;
  engine::RepositoryRights repository = engine::RepositoryRights::show;  // what requests may do to models
  std::vector<EnginePipelineFile> pipelines;
  std::optional<EngineStreamsFile> streams;
  std::map<std::string, double> tenant_weights;
  std::optional<Bytes> model_memory;  // of each process of a model that declares none; none: EngineConfig's
  static constexpr std::string_view defaulted[] = {"listen", "repository"};
  Result<void> check() const;
};
BARRIO_DESCRIBE(EngineFile, (),
                (listen, devices, models, text_models, repository, pipelines, streams, tenant_weights, model_memory))

/// Errors: those of the servers' settings.
Result<engine::EngineOptions> options_of(const EngineFile& file);

/// What answers for the text model at a server of OpenAI's API. Errors: of the server's settings.
Result<engine::MakeGeneration> find_generation(const std::string& model, const std::string& server);

}  // namespace barrio::cli
