#include "adapters/podman/podman_runtime.h"

#include <algorithm>

#include "adapters/podman/instance.h"
#include "base/log.h"
#include "base/text.h"

namespace barrio::adapters {

PodmanWorkloadRuntime::PodmanWorkloadRuntime(ports::Runtime& runtime, FetchPodman fetch, ProbeServer probe,
                                             PodmanConfig config)
    : runtime_(runtime),
      config_(std::move(config)),
      api_(runtime, std::move(fetch), config_.socket),
      keeper_(runtime,
              {.start = [this](Instance& one) { return start(one); },
               .ended = [this](Instance& one) { return ended(one); },
               .stop = [this](Instance& one) { stop(one); },
               .take_away = [this](Instance& one) { take_away(one); },
               .in_words = [this](const Error& error) { return in_words(error); }},
              std::move(probe), config_.times, config_.in_flight),
      images_turn_(runtime) {}

PodmanWorkloadRuntime::~PodmanWorkloadRuntime() = default;

Result<void> PodmanWorkloadRuntime::ensure(const ports::WorkloadSpec& spec) {
  const ReplicaOrder& order = spec.order;
  if (!order.container) return fail(Code::invalid, "is no container", order.id.str());
  TRY_DO(order.container->check_signature());
  leftovers_.erase(order.id);
  auto one = std::make_shared<Instance>();
  one->order = order;
  one->file_path = spec.file_path;
  one->name = container_name(order.id, order.generation);
  keeper_.want(one);
  return {};
}

Result<void> PodmanWorkloadRuntime::stop(const ReplicaId& id) {
  if (keeper_.forget(id)) return {};
  const auto left = leftovers_.find(id);
  if (left == leftovers_.end() || keeper_.stood_down()) return {};
  const std::string name = container_name(id, left->second.report.generation);
  leftovers_.erase(left);
  take_from_podman(name);
  return {};
}

/// What fails is found again by discover().
void PodmanWorkloadRuntime::take_from_podman(const std::string& name) {
  runtime_.spawn("leftover " + name, [this, name] {
    const auto removed = api_.remove(name);
    if (!removed) log_warning("cannot remove a container", {{"container", name}, {"why", removed.error().text()}});
  });
}

Result<std::vector<ports::WorkloadStatus>> PodmanWorkloadRuntime::list() {
  if (!discovering_) {
    discovering_ = true;
    runtime_.spawn("containers", [this] { discover(); });
  }
  std::vector<ports::WorkloadStatus> statuses = keeper_.list();
  for (const auto& [id, status] : leftovers_) statuses.push_back(status);
  return statuses;
}

void PodmanWorkloadRuntime::discover() {
  while (!runtime_.stopping() && !keeper_.stood_down()) {
    const auto found = api_.containers(std::string(label::site) + "=" + config_.site);
    if (found && !keeper_.stood_down()) find_leftovers(*found);
    runtime_.sleep_for(config_.discover_every);
  }
}

/// What a process before this one started, and nobody has asked this one for, is told to the agent, which ends it.
void PodmanWorkloadRuntime::find_leftovers(const std::vector<FoundContainer>& found) {
  leftovers_.clear();
  for (const FoundContainer& one : found) {
    const auto value = [&](const char* name) {
      const auto at = one.labels.find(name);
      return at == one.labels.end() ? std::string() : at->second;
    };
    const auto id = ReplicaId::parse(value(label::replica));
    const auto generation = parse_uint(value(label::generation));
    if (!id || !generation || keeper_.is_kept(one.name)) continue;
    if (keeper_.contains(*id)) {
      // In the middle of a rollout it is the way back, until the generation that is ordered is ready.
      if (keeper_.newest(*id)->phase == ReplicaPhase::ready) {
        remove_stray(one.name);
      } else {
        strays_.erase(one.name);
      }
      continue;
    }
    ports::WorkloadStatus status;
    status.report = {*id, static_cast<int64_t>(*generation), ReplicaPhase::stopping, "found here", 0, 0};
    leftovers_.insert_or_assign(*id, std::move(status));
  }
}

/// A process that gives way to this one may still answer its last requests from it.
void PodmanWorkloadRuntime::remove_stray(const std::string& name) {
  const Time now = runtime_.now();
  const Time since = strays_.try_emplace(name, now).first->second;
  if (now - since < config_.times.retire.longest) return;
  strays_.erase(name);
  take_from_podman(name);
}

Result<const PodmanHost*> PodmanWorkloadRuntime::known_host() {
  if (host_) return &*host_;
  TRY(auto host, api_.host());
  host_ = std::move(host);
  log_info("podman found", {{"version", host_->version}, {"runtime", host_->runtime}});
  return &*host_;
}

Result<std::string> PodmanWorkloadRuntime::name_of(const ReplicaId& id) const {
  const auto one = keeper_.newest(id);
  if (!one) return fail(Code::not_found, "no such container here", id.str());
  return one->name;
}

Result<std::vector<std::string>> PodmanWorkloadRuntime::logs(const ReplicaId& id, size_t lines) {
  TRY(const std::string name, name_of(id));
  return api_.logs(name, lines);
}

Result<ports::WorkloadUsage> PodmanWorkloadRuntime::usage(const ReplicaId& id) {
  constexpr Duration window = 500ms;
  TRY(const std::string name, name_of(id));
  TRY(auto before, api_.usage(name));
  const Time since = runtime_.now();
  runtime_.sleep_for(window);
  TRY(auto after, api_.usage(name));
  const double passed = to_ms(runtime_.now() - since);
  // A restart between the two counts anew.
  const double used = std::max(0.0, to_ms(after.cpu - before.cpu));
  return ports::WorkloadUsage{passed > 0 ? std::optional(used / passed) : std::nullopt, after.memory, after.processes};
}

}  // namespace barrio::adapters
