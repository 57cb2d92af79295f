#include "base/heap.h"
#include "base/log.h"
#include "cli/model_backends.h"
#include "cli/roles.h"
#include "engine/engine_main.h"

namespace barrio::cli {

int serve_engine(const EngineCommand& command) {
  configure_log("engine " + command.name, LogLevel::info, "");
  keep_freed_memory();
  const engine::EngineOptions options{.listen = command.listen,
                                      .name = command.name,
                                      .builtin = command.builtin,
                                      .model_path = command.model,
                                      .workers = static_cast<size_t>(command.workers)};
  const auto backend = make_backend(command.backend, command);
  if (!backend) {
    log_error("engine cannot start", {{"detail", backend.error().text()}});
    return 2;
  }
  return engine::run_engine(options, **backend);
}

}  // namespace barrio::cli
