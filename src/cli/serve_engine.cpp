#include <algorithm>

#include "adapters/model_process/model_process_backend.h"
#include "adapters/model_process/model_worker.h"
#include "adapters/opencv/opencv_backend.h"
#include "adapters/ort/onnx_runtime_backend.h"
#include "base/log.h"
#include "cli/roles.h"
#include "engine/engine_main.h"

namespace barrio::cli {

namespace {

/// In the engine itself: its libraries are loaded with the first model, so that a failure is the model's.
std::unique_ptr<ports::InferenceBackend> make_inside(const std::string& name) {
  if (name == "opencv") return std::make_unique<adapters::OpencvBackend>();
  return std::make_unique<adapters::OnnxRuntimeBackend>();
}

/// In a process that can open no file afterwards.
Result<std::unique_ptr<ports::InferenceBackend>> make_prepared(const std::string& name) {
  if (name == "opencv") return std::make_unique<adapters::OpencvBackend>();
  auto backend = std::make_unique<adapters::OnnxRuntimeBackend>();
  TRY_DO(backend->prepare());
  return backend;
}

/// Every worker has a process of its own, with its share of the memory.
Result<std::unique_ptr<ports::InferenceBackend>> make_isolated(const EngineCommand& command) {
  adapters::ModelProcessConfig config{.arguments = {"/proc/self/exe", "model-worker", "--backend", command.backend}};
  if (!command.memory.empty()) {
    TRY(const Bytes memory, parse_bytes(command.memory));
    config.memory = Bytes(std::max<int64_t>(1, memory.count() / command.workers));
  }
  return std::make_unique<adapters::ModelProcessBackend>(std::move(config));
}

}  // namespace

int serve_engine(const EngineCommand& command) {
  configure_log("engine " + command.name, LogLevel::info, "");
  const engine::EngineOptions options{.listen = command.listen,
                                      .name = command.name,
                                      .builtin = command.builtin,
                                      .model_path = command.model,
                                      .workers = static_cast<size_t>(command.workers)};
  if (command.isolate == "none") return engine::run_engine(options, *make_inside(command.backend));
  auto backend = make_isolated(command);
  if (!backend) {
    log_error("engine cannot start", {{"detail", std::move(backend).error().within("--memory").text()}});
    return 2;
  }
  return engine::run_engine(options, **backend);
}

void serve_model_worker(const ModelWorkerCommand& command) {
  adapters::run_model_worker([&] { return make_prepared(command.backend); });
}

}  // namespace barrio::cli
