#include "cli/engine_file.h"

#include "adapters/oip/oip_settings.h"
#include "adapters/openai/openai_backend.h"

namespace barrio::cli {

namespace {
constexpr Bytes least_model_memory = mib(64);
constexpr Bytes most_model_memory = gib(1024);
}  // namespace

Result<void> EngineDeviceFile::check() const {
  if (slots < 1 || slots > 256) return fail(Code::invalid, "must be in 1..256", "slots");
  if (kind != "cpu" && kind != "accelerator") return fail(Code::invalid, "must be cpu or accelerator", "kind");
  if (kind == "cpu" && !accelerators.empty())
    return fail(Code::invalid, "only a device of kind accelerator has any", "accelerators");
  if (kind == "cpu" && !(oip.empty() && openai.empty()))
    return fail(Code::invalid, "only a device of kind accelerator is a model server", oip.empty() ? "openai" : "oip");
  if (!oip.empty() && !openai.empty()) return fail(Code::invalid, "cannot stand together with openai", "oip");
  return {};
}

Result<void> EngineFile::check() const {
  for (const auto& [tenant, weight] : tenant_weights) {
    if (!(weight > 0)) return fail(Code::invalid, "must be more than 0", "tenant_weights." + tenant);
  }
  if (model_memory && (*model_memory < least_model_memory || *model_memory > most_model_memory)) {
    return fail(Code::invalid, "must be in " + to_string(least_model_memory) + ".." + to_string(most_model_memory),
                "model_memory");
  }
  return {};
}

namespace {

Result<std::vector<adapters::OpenaiSettings>> servers_of(const std::vector<EngineTextModelFile>& models) {
  std::vector<adapters::OpenaiSettings> servers;
  for (const EngineTextModelFile& model : models) {
    auto settings = adapters::OpenaiSettings::parse(model.name, model.server);
    if (!settings) return fail(std::move(settings).error().within("text_models '" + model.name + "'"));
    servers.push_back(std::move(*settings));
  }
  return servers;
}

/// Its settings are read again when an app wants them; what is wrong should show at the start.
Result<void> check_server(const EngineDeviceFile& device) {
  const std::string where = "devices '" + device.name + "'";
  if (!device.oip.empty()) {
    auto settings = adapters::oip::OipSettings::parse({.name = device.name, .builtin = device.oip, .path = {}});
    if (!settings) return fail(std::move(settings).error().within("oip").within(where));
  }
  if (!device.openai.empty()) {
    auto settings = adapters::OpenaiSettings::parse(device.name, device.openai);
    if (!settings) return fail(std::move(settings).error().within("openai").within(where));
  }
  return {};
}

}  // namespace

Result<engine::MakeGeneration> find_generation(const std::string& model, const std::string& server) {
  TRY(auto settings, adapters::OpenaiSettings::parse(model, server));
  return engine::MakeGeneration([servers = std::vector{std::move(settings)}](net::Reactor& reactor) {
    return std::make_unique<adapters::OpenaiBackend>(reactor, servers);
  });
}

Result<engine::EngineOptions> options_of(const EngineFile& file) {
  engine::EngineOptions options{.engine = {.tenant_weights = file.tenant_weights}};
  if (file.model_memory) options.engine.model_memory = *file.model_memory;
  engine::ReplicaOptions own{.listen = file.listen, .repository = file.repository};
  TRY(auto servers, servers_of(file.text_models));
  if (!servers.empty()) {
    own.generation = [servers = std::move(servers)](net::Reactor& reactor) {
      return std::make_unique<adapters::OpenaiBackend>(reactor, servers);
    };
  }
  if (!file.devices.empty()) options.engine.devices.clear();
  for (const EngineDeviceFile& device : file.devices) {
    TRY_DO(check_server(device));
    options.engine.devices.push_back({.name = device.name,
                                      .slots = static_cast<size_t>(device.slots),
                                      .is_cpu = device.kind == "cpu",
                                      .memory = device.memory.value_or(Bytes()),
                                      .accelerators = device.accelerators,
                                      .backend = !device.oip.empty()      ? "oip"
                                                 : !device.openai.empty() ? "openai"
                                                                          : "",
                                      .server = device.oip + device.openai});  // one of them at most
  }
  for (const EngineModelFile& model : file.models) {
    own.models.push_back({model.name,
                          {.backend = model.backend,
                           .builtin = model.builtin,
                           .path = model.path,
                           .memory = model.memory.value_or(Bytes()),
                           .device = model.device,
                           .urgency = model.urgency,
                           .deadline = model.deadline}});
  }
  for (const EnginePipelineFile& one : file.pipelines) engine::add_pipeline({one.name, one.pipeline}, {}, own);
  if (file.streams) own.streams = {.app = file.streams->app, .spec = file.streams->stream};
  options.own = std::move(own);
  return options;
}

}  // namespace barrio::cli
