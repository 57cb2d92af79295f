#include "adapters/libav/live_video.h"
#include "adapters/nvml/nvml_accelerators.h"
#include "adapters/oip/oip_backend.h"
#include "adapters/profile/profile_backend.h"
#include "base/heap.h"
#include "base/log.h"
#include "cli/engine_file.h"
#include "cli/files.h"
#include "cli/model_backends.h"
#include "cli/roles.h"
#include "engine/engine_main.h"
#include "model/snapshot.h"

namespace barrio::cli {

namespace {

Result<void> add_extras(const EngineCommand& command, engine::EngineOptions& options) {
  TRY(const auto extras, read_yaml<EngineExtras>(command.extras));
  if (extras.pipeline) add_pipeline({command.name, *extras.pipeline}, options);
  if (extras.stream) options.streams = {.app = command.name, .spec = *extras.stream};
  return {};
}

Result<engine::EngineOptions> engine_options(const EngineCommand& command) {
  if (!command.config.empty()) {
    TRY(const auto file, read_yaml<EngineFile>(command.config));
    return options_of(file);
  }
  if (command.listen.empty() || command.name.empty() || command.backend.empty())
    return fail(Code::invalid, "--config, or --listen, --name and --backend are needed");
  engine::EngineOptions options{.listen = command.listen, .models = {}};
  options.engine.devices.front().slots = static_cast<size_t>(command.workers);
  if (command.backend != to_name(Backend::pipeline)) {
    options.models.push_back(
        {command.name, {.backend = command.backend, .builtin = command.builtin, .path = command.model}});
  }
  if (!command.extras.empty()) TRY_DO(add_extras(command, options));
  return options;
}

}  // namespace

int serve_engine(const EngineCommand& command) {
  configure_log(command.name.empty() ? "engine" : "engine " + command.name, LogLevel::info, "");
  keep_freed_memory();
  auto options = engine_options(command);
  if (!options) {
    log_error("engine cannot start", {{"detail", options.error().text()}});
    return 2;
  }
  if (command.isolate != "none") options->engine.slots_do = net::WorkersDo::wait;
  const auto onnx = make_backend("onnx", command);
  const auto opencv = make_backend("opencv", command);
  for (const auto* backend : {&onnx, &opencv}) {
    if (*backend) continue;
    log_error("engine cannot start", {{"detail", backend->error().text()}});
    return 2;
  }
  if (options->streams) {
    const auto most = static_cast<size_t>(options->streams->spec.most);
    // One more: a stream that was just ended may still be closing its source.
    options->streams->make_decoder = [most](net::Reactor& reactor) {
      return std::make_unique<adapters::LibavDecoder>(reactor, adapters::LibavConfig{.streams = most + 1});
    };
  }
  adapters::NvmlAccelerators accelerators;
  options->accelerators = &accelerators;
  adapters::ProfileBackend profile;
  adapters::OipBackend oip;
  return engine::run_engine(*options,
                            {{"onnx", onnx->get()}, {"opencv", opencv->get()}, {"profile", &profile}, {"oip", &oip}});
}

}  // namespace barrio::cli
