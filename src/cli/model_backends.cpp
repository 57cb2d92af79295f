#include "cli/model_backends.h"

#include "adapters/model_process/model_process_backend.h"
#include "adapters/model_process/model_worker.h"
#include "adapters/opencv/opencv_backend.h"
#include "adapters/ort/onnx_runtime_backend.h"
#include "cli/roles.h"

namespace barrio::cli {

namespace {

/// Its libraries are loaded with the first model, so that a failure is the model's.
std::unique_ptr<ports::InferenceBackend> make_here(const std::string& name) {
  if (name == "opencv") return std::make_unique<adapters::OpencvBackend>();
  return std::make_unique<adapters::OnnxRuntimeBackend>();
}

/// For a process that can open no file afterwards.
Result<std::unique_ptr<ports::InferenceBackend>> make_prepared(const std::string& name) {
  if (name == "opencv") return std::make_unique<adapters::OpencvBackend>();
  auto backend = std::make_unique<adapters::OnnxRuntimeBackend>();
  TRY_DO(backend->prepare());
  return backend;
}

}  // namespace

std::unique_ptr<ports::InferenceBackend> make_backend(const std::string& name, const EngineCommand& command) {
  if (command.isolate == "none") return make_here(name);
  return std::make_unique<adapters::ModelProcessBackend>(
      adapters::ModelProcessConfig{.arguments = {"/proc/self/exe", "model-worker", "--backend", name}});
}

void serve_model_worker(const ModelWorkerCommand& command) {
  adapters::run_model_worker([&] { return make_prepared(command.backend); });
}

}  // namespace barrio::cli
