#include <algorithm>

#include "adapters/libav/live_video.h"
#include "adapters/nvml/nvml_accelerators.h"
#include "adapters/oip/oip_backend.h"
#include "adapters/profile/profile_backend.h"
#include "base/cores.h"
#include "base/heap.h"
#include "base/log.h"
#include "cli/engine_file.h"
#include "cli/engine_usage.h"
#include "cli/files.h"
#include "cli/model_backends.h"
#include "cli/roles.h"
#include "engine/engine_main.h"

namespace barrio::cli {

namespace {

constexpr size_t most_of_a_site = 256;  // versions, and threads that load them: each waits for a model's process
constexpr size_t loaders_of_a_site = 32;

Result<engine::EngineOptions> from_file(const EngineCommand& command) {
  TRY(const auto file, read_yaml<EngineFile>(command.config));
  if (file.listen.empty() && command.control.empty()) return fail(Code::invalid, "'listen' is missing", command.config);
  return options_of(file);
}

/// What is served is said on the control socket.
Result<engine::EngineOptions> for_a_site(const EngineCommand& command) {
  engine::EngineOptions options;
  if (!command.config.empty()) {
    TRY(options, from_file(command));
    const engine::ReplicaOptions& own = *options.own;
    const bool serves = !own.listen.empty() || !own.models.empty() || own.generation || own.streams;
    if (serves || own.repository != engine::RepositoryRights::show) {
      return fail(Code::invalid, "may have devices, tenant_weights and model_memory beside --control, and nothing else",
                  command.config);
    }
    options.own.reset();
  } else {
    options.engine.devices.front().slots = command.workers ? static_cast<size_t>(*command.workers) : usable_cores();
  }
  options.control = command.control;
  options.engine.models = most_of_a_site;
  options.engine.loaders = loaders_of_a_site;
  return options;
}

Result<engine::EngineOptions> engine_options(const EngineCommand& command) {
  if (!command.control.empty()) return for_a_site(command);
  if (!command.config.empty()) return from_file(command);
  if (command.listen.empty() || command.name.empty() || command.backend.empty())
    return fail(Code::invalid, "--config, --control, or --listen, --name and --backend are needed");
  engine::ReplicaOptions own{.listen = command.listen};
  own.models.push_back({command.name, {.backend = command.backend, .builtin = command.builtin, .path = command.model}});
  engine::EngineOptions options{.own = std::move(own)};
  options.engine.devices.front().slots = static_cast<size_t>(command.workers.value_or(1));
  return options;
}

/// --memory is that of models that say nothing themselves.
Result<void> limit_memory(const EngineCommand& command, engine::EngineOptions& options) {
  if (command.memory.empty() || !options.own) return {};
  auto memory = parse_bytes(command.memory);
  if (!memory) return fail(std::move(memory).error().within("--memory"));
  for (engine::InitialModel& model : options.own->models) {
    if (model.parameters.memory.count() == 0) model.parameters.memory = *memory;
  }
  return {};
}

}  // namespace

int serve_engine(const EngineCommand& command) {
  configure_log(command.name.empty() ? "engine" : "engine " + command.name, LogLevel::info, "");
  keep_freed_memory();
  auto options = engine_options(command);
  const auto limited = options ? limit_memory(command, *options) : Result<void>(fail(options.error()));
  if (!limited) {
    log_error("engine cannot start", {{"detail", limited.error().text()}});
    return 2;
  }
  if (command.isolate != "none") options->engine.slots_do = net::WorkersDo::wait;
  const auto onnx = make_backend("onnx", command);
  const auto opencv = make_backend("opencv", command);
  // One more: a stream that was just ended may still be closing its source.
  options->replicas.make_decoder = [](net::Reactor& reactor, size_t streams) {
    return std::make_unique<adapters::LibavDecoder>(reactor, adapters::LibavConfig{.streams = streams + 1});
  };
  std::optional<EngineUsage> usage;
  if (!command.usage.empty()) options->replicas.usage = &usage.emplace(command.usage);
  options->replicas.find_generation = find_generation;
  adapters::NvmlAccelerators accelerators;
  options->accelerators = &accelerators;
  adapters::ProfileBackend profile;
  adapters::OipBackend oip;
  return engine::run_engine(*options,
                            {{"onnx", onnx.get()}, {"opencv", opencv.get()}, {"profile", &profile}, {"oip", &oip}});
}

}  // namespace barrio::cli
