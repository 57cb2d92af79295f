// The engine's models: loading, sharing out, unloading.

#include <algorithm>
#include <filesystem>
#include <numeric>

#include "base/log.h"
#include "base/text.h"
#include "engine/engine_state.h"

namespace barrio::engine {

namespace {

constexpr size_t longest_name = 128;
constexpr uint64_t canary_requests = 20;  // before it is judged
constexpr double canary_failures = 0.2;   // of them: rolled back
constexpr const char* asked_for = "unloaded";
/// While a model is loaded: its message as read, its tensors, and those in the order that the library prefers; one
/// more.
constexpr int64_t copies_of_weights = 4;

Result<UrgencyClass> urgency_named(const std::string& name) {
  if (name.empty()) return UrgencyClass::soft;
  return from_json<UrgencyClass>(to_json(name), "urgency");
}

Result<void> check_share(double share) {
  return share >= 0 && share <= 1 ? Result<void>() : fail(Code::invalid, "must be in 0..1", "share");
}

size_t instances_of(const LoadParameters& parameters, const DeviceSpec& device) {
  return parameters.instances == 0 ? device.slots : std::min(parameters.instances, device.slots);
}

/// The model's file, or all files of its folder.
Result<Bytes> size_of(const std::string& path) {
  std::error_code problem;
  const bool folder = std::filesystem::is_directory(path, problem);
  int64_t size = 0;
  if (!folder) {
    size = static_cast<int64_t>(std::filesystem::file_size(path, problem));
    if (problem) return fail(Code::not_found, "cannot be read: " + problem.message(), path);
    return Bytes(size);
  }
  for (auto file = std::filesystem::recursive_directory_iterator(path, problem);
       !problem && file != std::filesystem::recursive_directory_iterator(); file.increment(problem)) {
    if (file->is_regular_file(problem)) size += static_cast<int64_t>(file->file_size(problem));
  }
  if (problem) return fail(Code::not_found, "cannot be read: " + problem.message(), path);
  return Bytes(size);
}

}  // namespace

uint32_t Engine::State::new_index() {
  const auto unused = std::ranges::find(indices, false);
  const auto index = static_cast<uint32_t>(unused - indices.begin());
  if (unused == indices.end())
    indices.push_back(true);
  else
    *unused = true;
  return index;
}

/// What was left out is as the version has it that it names, or as the present one.
Result<LoadParameters> Engine::State::complete(const std::string& name, LoadParameters parameters) const {
  const auto before = table.model_for(name, parameters.version);
  const bool says_what = !parameters.path.empty() || !parameters.builtin.empty();
  if (!parameters.path.empty() && !parameters.builtin.empty())
    return fail(Code::invalid, "is given beside 'path'", "builtin");
  if (!says_what && before == nullptr) return fail(Code::not_found, "there is no model of this name to load", name);
  if (before != nullptr) {
    const LoadParameters& old = before->parameters;
    if (!says_what) std::tie(parameters.path, parameters.builtin) = std::tie(old.path, old.builtin);
    if (parameters.backend.empty()) parameters.backend = old.backend;
    if (parameters.device.empty()) parameters.device = old.device;
    if (parameters.memory.count() == 0) parameters.memory = old.memory;
    if (parameters.instances == 0) parameters.instances = old.instances;
    if (parameters.urgency.empty()) parameters.urgency = old.urgency;
    if (!parameters.deadline) parameters.deadline = old.deadline;
  }
  if (parameters.backend.empty()) parameters.backend = backends.front().first;
  if (parameters.device.empty()) parameters.device = devices.front()->spec.name;
  return parameters;
}

/// Declared, or its file once for each instance: the least it can be.
Result<Bytes> Engine::State::memory_needed(const std::string& name, const LoadParameters& parameters,
                                           const Device& device) const {
  Bytes needed = parameters.memory;
  if (!parameters.path.empty()) {
    TRY(const Bytes file, size_of(parameters.path));
    if (file > config.model_file) {
      return fail(Code::exhausted, "has " + to_string(file) + ", the limit is " + to_string(config.model_file), name);
    }
    if (needed.count() == 0) needed = Bytes(file.count() * static_cast<int64_t>(instances_of(parameters, device.spec)));
    if (needed < file) {
      return fail(Code::invalid, "is " + to_string(needed) + ", less than its file of " + to_string(file), "memory");
    }
  }
  const Bytes free(device.spec.memory.count() - device.kept.count());
  if (device.spec.memory.count() > 0 && needed > free) {
    return fail(Code::exhausted,
                "needs " + to_string(needed) + ", " + to_string(free) + " are free on device " + device.spec.name,
                name);
  }
  return needed;
}

/// Of each instance, which must be limited whatever was declared.
Bytes Engine::State::memory_of_instance(const Version& version, size_t instances) const {
  const auto parts = static_cast<int64_t>(instances);
  const Bytes declared = version.parameters.memory;
  if (declared.count() > 0) return Bytes(std::max<int64_t>(1, declared.count() / parts));
  const int64_t file = version.memory.count() / parts;
  return Bytes(config.model_memory.count() + copies_of_weights * file);
}

Result<std::shared_ptr<Version>> Engine::State::plan_load(const std::string& name, LoadParameters asked) {
  const std::string shown = shown_name(name);
  if (shown.empty() || shown.size() > longest_name || !metrics.may_have(name)) {
    return fail(Code::invalid, "must have 1 to " + std::to_string(longest_name) + " characters and no '/'", "name");
  }
  TRY(auto parameters, complete(name, std::move(asked)));
  TRY_DO(check_share(parameters.share));
  TRY(const UrgencyClass urgency, urgency_named(parameters.urgency));
  const auto device = std::ranges::find(devices, parameters.device, [](const auto& one) { return one->spec.name; });
  if (device == devices.end()) return fail(Code::invalid, "there is no device '" + parameters.device + "'", "device");
  if (std::ranges::find(backends, parameters.backend, &Backends::value_type::first) == backends.end()) {
    return fail(Code::unsupported, "there is no backend '" + parameters.backend + "' here", "backend");
  }
  uint64_t number = table.next_number(name);
  if (!parameters.version.empty()) {
    const auto named = parse_uint(parameters.version);
    if (!named || *named == 0) return fail(Code::invalid, "must be a positive number", "version");
    number = *named;
  }
  if (const auto* versions = table.versions(name)) {
    for (const auto& one : *versions) {
      if (one->state == ModelState::loading) return fail(Code::conflict, "is being loaded", name);
      if (one->number == number && one->state != ModelState::unavailable)
        return fail(Code::conflict, "is there already", one->text());
    }
  }
  if (table.loaded() >= config.models)
    return fail(Code::exhausted, std::to_string(config.models) + " versions are loaded, the limit", name);
  TRY(const Bytes memory, memory_needed(name, parameters, **device));
  table.forget_old(name, number);
  auto version = table.add(name, number);
  version->parameters = std::move(parameters);
  version->urgency = urgency;
  version->device = static_cast<size_t>(device - devices.begin());
  version->index = new_index();
  version->memory = memory;
  (*device)->kept = Bytes((*device)->kept.count() + memory.count());
  version->metrics = &metrics.model(name);
  return version;
}

void Engine::State::load(std::string name, LoadParameters parameters, std::function<void(Result<void>)> done) {
  if (const auto there = ready_as_asked(name, parameters)) return done(give_share(*there, parameters.share));
  auto planned = plan_load(name, std::move(parameters));
  if (!planned) return done(fail(std::move(planned).error()));
  const auto version = std::move(*planned);
  version->on_loaded.push_back(std::move(done));
  const DeviceSpec& device = devices[version->device]->spec;
  const size_t instances = instances_of(version->parameters, device);
  const auto backend = std::ranges::find(backends, version->parameters.backend, &Backends::value_type::first);
  const LoadJob job{.backend = backend->second,
                    .spec = {.name = version->model,
                             .builtin = version->parameters.builtin,
                             .path = version->parameters.path,
                             .memory = memory_of_instance(*version, instances)},
                    .instances = instances,
                    .most_batch = device.is_cpu ? 2 : decide::Profile::largest_batch};
  show_ready(version->model);
  loader->load(job, [this, version](Result<LoadedModel> result) { loaded(version, std::move(result)); });
}

/// The version that a load names and says no more of than its share, where it answers already: nothing is to be loaded.
std::shared_ptr<Version> Engine::State::ready_as_asked(const std::string& name, const LoadParameters& asked) const {
  const bool says_more = !asked.backend.empty() || !asked.builtin.empty() || !asked.path.empty() ||
                         !asked.device.empty() || !asked.urgency.empty() || asked.deadline ||
                         asked.memory.count() != 0 || asked.instances != 0;
  if (asked.version.empty() || says_more) return nullptr;
  auto named = table.find(name, asked.version);
  return named != nullptr && named->ready() ? named : nullptr;
}

Result<void> Engine::State::give_share(Version& version, double share) {
  TRY_DO(check_share(share));
  table.set_share(version, share);
  if (share >= 1) retire_unshared(version.model);
  return {};
}

void Engine::State::loaded(const std::shared_ptr<Version>& version, Result<LoadedModel> result) {
  const auto told = std::exchange(version->on_loaded, {});
  const bool unwanted = version->state != ModelState::loading;
  if (!result || unwanted) {
    Error error = result ? Error{Code::cancelled, "was unloaded while it was loaded", version->text()} : result.error();
    if (!unwanted) version->reason = error.text();
    version->state = ModelState::unloading;
    if (result) version->instances = std::move(result->instances);
    log_warning("model is not loaded", {{"model", version->text()}, {"why", error.text()}});
    unload_if_done(version);
    for (const auto& done : told) done(fail(Error(error)));
    return;
  }
  version->instances = std::move(result->instances);
  version->free_instances.resize(version->instances.size());
  std::iota(version->free_instances.rbegin(), version->free_instances.rend(), size_t{0});
  version->info = version->instances.front()->info();
  version->info.name = shown_name(version->model);
  if (result->measured) version->estimate.emplace(*result->measured);
  version->last_run = reactor.now();
  version->state = ModelState::ready;
  version->has_served = true;
  give_profile(*version);
  table.set_share(*version, version->parameters.share);
  log_info("model is ready", {{"model", version->text()}});
  if (version->parameters.share >= 1) retire_unshared(version->model);
  show_ready(version->model);
  for (const auto& done : told) done({});
}

/// One version was given all the requests: the others go.
void Engine::State::retire_unshared(const std::string& name) {
  const ModelTable::Versions all = *table.versions(name);
  for (const auto& one : all) {
    if (one->ready() && one->share <= 0) unload(one, "replaced by another version");
  }
}

void Engine::State::unload(const std::shared_ptr<Version>& version, std::string reason) {
  if (version->state == ModelState::unavailable) return;
  const bool was_loading = version->state == ModelState::loading;
  version->state = ModelState::unloading;
  version->reason = std::move(reason);
  version->share = 0;
  table.spread_shares(version->model);
  show_ready(version->model);
  if (!was_loading) unload_if_done(version);
}

/// Once it has answered what it had.
void Engine::State::unload_if_done(const std::shared_ptr<Version>& version) {
  if (version->state != ModelState::unloading || version->open > 0) return;
  version->state = ModelState::unavailable;
  Device& device = *devices[version->device];
  device.scheduler.remove_model(version->index);
  loader->free(std::exchange(version->instances, {}), [this, version] { freed(version); });
}

void Engine::State::freed(const std::shared_ptr<Version>& version) {
  Device& device = *devices[version->device];
  device.kept = Bytes(device.kept.count() - version->memory.count());
  indices[version->index] = false;
  for (const auto& done : std::exchange(version->on_unloaded, {})) done({});
}

/// A canary that fails where the others do not is taken back.
void Engine::State::judge_canary(const std::shared_ptr<Version>& version) {
  const uint64_t failed = version->canary_failed;
  const uint64_t seen = version->canary_seen;
  if (!version->ready() || version->share <= 0 || version->share >= 1 || seen < canary_requests) return;
  if (static_cast<double>(failed) < canary_failures * static_cast<double>(seen)) return;
  const ModelTable::Versions& all = *table.versions(version->model);
  const auto better = std::ranges::find_if(all, [&](const auto& one) {
    return one != version && one->ready() &&
           one->canary_failed * seen < failed * std::max<uint64_t>(one->canary_seen, 1);
  });
  if (better == all.end()) return;
  const std::string why = "rolled back: " + std::to_string(failed) + " of " + std::to_string(seen) + " requests failed";
  log_warning("canary is taken back", {{"model", version->text()}, {"why", why}});
  unload(version, why);
}

void Engine::State::show_ready(const std::string& name) {
  const auto* versions = table.versions(name);
  if (versions == nullptr) return;
  const auto ready = std::ranges::count_if(*versions, [](const auto& one) { return one->ready(); });
  metrics.model(name).ready.set(static_cast<double>(ready));
}

void Engine::unload(std::string name, std::string version, std::function<void(Result<void>)> done) {
  ModelTable::Versions chosen;
  if (!version.empty()) {
    if (const auto one = state_->table.find(name, version)) chosen.push_back(one);
  } else if (const auto* all = state_->table.versions(name)) {
    chosen = *all;
  }
  std::erase_if(chosen, [](const auto& one) { return one->state == ModelState::unavailable; });
  if (chosen.empty())
    return done(fail(Code::not_found, "is not loaded", name + (version.empty() ? "" : " version " + version)));
  const auto left = std::make_shared<size_t>(chosen.size());
  for (const auto& one : chosen) {
    one->on_unloaded.push_back([left, done](Result<void>) {
      if (--*left == 0) done({});
    });
  }
  for (const auto& one : chosen) state_->unload(one, asked_for);
}

void Engine::open_scope(const std::string& scope, Registry& registry) {
  state_->metrics.open_scope(scope, registry);
}

void Engine::close_scope(const std::string& scope) {
  for (const ListedModel& model : index()) {
    if (scope_of(model.name) == scope) state_->table.forget_gone(model.name);
  }
  state_->metrics.close_scope(scope);
}

Result<void> Engine::share(std::string_view name, std::string_view version, double share) {
  TRY_DO(check_share(share));
  const auto one = state_->table.find(name, version);
  if (one == nullptr) return fail(Code::not_found, state_->table.why_not(name, version).what);
  if (!one->ready()) return fail(Code::unavailable, state_->table.why_not(name, version).what);
  return state_->give_share(*one, share);
}

}  // namespace barrio::engine
