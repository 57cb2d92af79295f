#include "engine/repository_answers.h"

#include <algorithm>

#include "api/oip/parameters.h"

namespace barrio::engine {

namespace {

std::string_view state_word(ModelState state) {
  switch (state) {
    case ModelState::loading: return "LOADING";
    case ModelState::ready: return "READY";
    case ModelState::unloading: return "UNLOADING";
    case ModelState::unavailable: return "UNAVAILABLE";
  }
  return "UNKNOWN";
}

api::StatisticDuration duration_of(const CountedTime& time) {
  return {time.count, static_cast<uint64_t>(time.total.count())};
}

api::VersionStatistics version_answer(const ModelStatistics& from, Time now, WallTime wall) {
  api::VersionStatistics to{.name = from.name, .version = from.version};
  if (from.last_inference) {
    const WallTime last = wall - std::chrono::duration_cast<std::chrono::milliseconds>(now - *from.last_inference);
    to.last_inference = static_cast<uint64_t>(std::max<int64_t>(0, last.time_since_epoch().count()));
  }
  to.inference_count = from.inference_count;
  to.execution_count = from.execution_count;
  to.inference_stats.success = duration_of(from.success);
  to.inference_stats.fail = duration_of(from.fail);
  to.inference_stats.queue = duration_of(from.queue);
  // A model's run is one step here: its inputs and outputs are part of it.
  to.inference_stats.compute_input.count = from.compute.count;
  to.inference_stats.compute_infer = duration_of(from.compute);
  to.inference_stats.compute_output.count = from.compute.count;
  for (const ModelStatistics::Batch& batch : from.batches) {
    to.batch_stats.push_back({.batch_size = batch.size,
                              .compute_input = {batch.run.count, 0},
                              .compute_infer = duration_of(batch.run),
                              .compute_output = {batch.run.count, 0}});
  }
  return to;
}

/// Text, or a number as its text.
Result<std::string> text_of(const ports::Parameter& value, const std::string& where) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* number = std::get_if<int64_t>(&value)) return std::to_string(*number);
  return fail(Code::invalid, "must be text", where);
}

Result<double> number_of(const ports::Parameter& value, const std::string& where) {
  if (const auto* number = std::get_if<double>(&value)) return *number;
  if (const auto* number = std::get_if<int64_t>(&value)) return static_cast<double>(*number);
  return fail(Code::invalid, "must be a number", where);
}

Result<Duration> deadline_of(const ports::Parameter& value, const std::string& where) {
  TRY(const double ms, number_of(value, where));
  constexpr double most_ms = 3'600'000;
  if (!(ms > 0 && ms <= most_ms)) return fail(Code::invalid, "must be above 0 and at most 3600000", where);
  return from_ms(ms);
}

Result<void> set(const std::string& name, const ports::Parameter& value, LoadParameters& to) {
  const std::string where = "parameters." + name;
  std::string* text = nullptr;
  if (name == "backend") text = &to.backend;
  if (name == "builtin") text = &to.builtin;
  if (name == "path") text = &to.path;
  if (name == "version") text = &to.version;
  if (name == "device") text = &to.device;
  if (name == "urgency") text = &to.urgency;
  if (text != nullptr) {
    TRY(*text, text_of(value, where));
  } else if (name == "share") {
    TRY(to.share, number_of(value, where));
    if (!(to.share >= 0 && to.share <= 1)) return fail(Code::invalid, "must be 0 to 1", where);
  } else if (name == "memory") {
    TRY(const std::string size, text_of(value, where));
    TRY(to.memory, from_json<Bytes>(to_json(size), where));
  } else if (name == "deadline_ms") {
    TRY(to.deadline, deadline_of(value, where));
  } else if (name == "config" || name.starts_with("file:")) {
    return fail(Code::unsupported, "models come from this machine: give backend, builtin or path", where);
  } else {
    return fail(Code::invalid,
                "is not known; known are backend, builtin, path, version, share, memory, device, urgency, deadline_ms",
                where);
  }
  return {};
}

}  // namespace

bool serves_all(const ModelRepository& repository) {
  return std::ranges::all_of(repository.index(), [](const ListedModel& model) {
    const auto any = [&](ModelState state) {
      return std::ranges::find(model.versions, state, &ModelVersion::state) != model.versions.end();
    };
    return any(ModelState::ready) || !any(ModelState::loading);
  });
}

std::vector<api::RepositoryEntry> repository_entries(const ModelRepository& repository, Listed listed) {
  std::vector<api::RepositoryEntry> entries;
  for (const ListedModel& model : repository.index()) {
    for (const ModelVersion& version : model.versions) {
      if (listed == Listed::ready && version.state != ModelState::ready) continue;
      entries.push_back({model.name, version.version, std::string(state_word(version.state)), version.reason});
    }
  }
  return entries;
}

std::vector<api::VersionStatistics> statistics_answer(const std::vector<ModelStatistics>& statistics, Time now,
                                                      WallTime wall) {
  std::vector<api::VersionStatistics> answer;
  for (const ModelStatistics& version : statistics) answer.push_back(version_answer(version, now, wall));
  return answer;
}

Result<LoadParameters> load_parameters(const ports::Parameters& parameters, RepositoryRights rights) {
  LoadParameters load;
  for (const auto& [name, value] : parameters) TRY_DO(set(name, value, load));
  if (!load.path.empty() && rights != RepositoryRights::files)
    return fail(Code::denied, "files of this machine cannot be named here", "parameters.path");
  return load;
}

Result<std::string> unload_version(const ports::Parameters& parameters) {
  const ports::Parameter* version = api::find_parameter(parameters, "version");
  return version == nullptr ? Result<std::string>(std::string()) : text_of(*version, "parameters.version");
}

Result<void> check_may_load(RepositoryRights rights) {
  if (rights != RepositoryRights::show) return {};
  return fail(Code::denied, "models are not loaded and unloaded by requests here");
}

}  // namespace barrio::engine
