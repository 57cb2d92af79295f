#include "adapters/opencv/opencv_backend.h"
#include "adapters/ort/onnx_runtime_backend.h"
#include "adapters/profile/profile_backend.h"
#include "base/log.h"
#include "cli/roles.h"
#include "engine/engine_main.h"

namespace barrio::cli {

int serve_engine(const EngineCommand& command) {
  configure_log("engine " + command.name, LogLevel::info, "");
  const engine::EngineOptions options{.listen = command.listen,
                                      .name = command.name,
                                      .builtin = command.builtin,
                                      .model_path = command.model,
                                      .workers = static_cast<size_t>(command.workers)};
  if (command.backend == "opencv") {
    adapters::OpencvBackend backend;
    return engine::run_engine(options, backend);
  }
  if (command.backend == "profile") {
    adapters::ProfileBackend backend;
    return engine::run_engine(options, backend);
  }
  adapters::OnnxRuntimeBackend backend;
  return engine::run_engine(options, backend);
}

}  // namespace barrio::cli
