#include "adapters/kubernetes/kubernetes_runtime.h"

#include <algorithm>

#include "adapters/kubernetes/instance.h"
#include "base/json_read.h"
#include "base/log.h"
#include "base/text.h"

namespace barrio::adapters {

namespace {

using kubernetes::ObjectOwner;
using kubernetes::SeenDeployment;
using kubernetes::SeenPod;

std::string ours(const kubernetes::ClusterPlan& plan) {
  return std::string(kubernetes::label::site) + "=" + plan.site;
}

const ObjectOwner& key_of(const SeenDeployment& seen) {
  return seen.owner;
}
const std::string& key_of(const SeenPod& seen) {
  return seen.uid;
}

template <class Key, class Seen>
void note(std::map<Key, Seen>& known, const Json& object) {
  if (auto seen = Seen::from(object)) known.insert_or_assign(key_of(*seen), std::move(*seen));
}

}  // namespace

KubernetesWorkloadRuntime::KubernetesWorkloadRuntime(ports::Runtime& runtime, Calls calls, KubernetesConfig config)
    : runtime_(runtime),
      probe_(std::move(calls.probe)),
      config_(std::move(config)),
      api_(runtime, std::move(calls.api), std::move(calls.watch), config_.api),
      registry_(runtime, std::move(calls.registry), config_.registry),
      deployments_watch_(api_, "/apis/apps/v1/deployments", ours(config_.plan), kept_in(deployments_), config_.watch),
      pods_watch_(api_, "/api/v1/pods", ours(config_.plan), kept_in(pods_), config_.watch),
      images_turn_(runtime) {}

KubernetesWorkloadRuntime::~KubernetesWorkloadRuntime() = default;

/// What comes of a watch is kept in `known`, and whoever waits hears that something has.
template <class Key, class Seen>
kubernetes::WatchedKindEvents KubernetesWorkloadRuntime::kept_in(std::map<Key, Seen>& known) {
  return {.listed =
              [this, &known](const std::vector<Json>& all) {
                known.clear();
                for (const Json& object : all) note(known, object);
                news();
              },
          .changed =
              [this, &known](const Json& object) {
                note(known, object);
                news();
              },
          .removed =
              [this, &known](const Json& object) {
                if (const auto seen = Seen::from(object)) known.erase(key_of(*seen));
                news();
              }};
}

void KubernetesWorkloadRuntime::news() {
  for (const auto& known : instances_) {
    if (const Kept one = known.lock()) one->news->notify();
  }
}

void KubernetesWorkloadRuntime::begin() {
  if (std::exchange(begun_, true)) return;
  runtime_.spawn("deployments", [this] { deployments_watch_.run(); });
  runtime_.spawn("pods", [this] { pods_watch_.run(); });
  runtime_.spawn("tidy the cluster", [this] { tidy(); });
}

Result<void> KubernetesWorkloadRuntime::ensure(const ports::WorkloadSpec& spec) {
  const ReplicaOrder& order = spec.order;
  if (!order.container) return fail(Code::invalid, "is no container", order.id.str());
  TRY_DO(order.container->check_signature());
  TRY_DO(kubernetes::check_for_cluster(order));
  begin();
  Kept* place = generations_.want(order);
  if (place == nullptr) return {};
  auto one = std::make_shared<Instance>();
  one->order = order;
  one->file_path = spec.file_path;
  one->owner = {order.id, order.generation};
  one->name_space = kubernetes::namespace_of(config_.plan, order.app.tenant);
  one->name = kubernetes::object_name(order.id, order.generation);
  one->news = runtime_.make_signal();
  *place = one;
  std::erase_if(instances_, [](const auto& known) { return known.expired(); });
  instances_.push_back(one);
  runtime_.spawn("workload " + one->name, [this, one] { keep(one); });
  return {};
}

Result<void> KubernetesWorkloadRuntime::stop(const ReplicaId& id) {
  begin();
  if (generations_.forget(id)) {
    news();
    return {};
  }
  if (stood_down_) return {};
  for (const auto& [owner, deployed] : deployments_) {
    if (owner.replica == id && !is_kept(owner)) remove_objects(deployed);
  }
  return {};
}

Result<std::vector<ports::WorkloadStatus>> KubernetesWorkloadRuntime::list() {
  begin();
  for (const Kept& before : generations_.promote())
    runtime_.spawn("retire " + before->name, [this, before] { retire(before); });
  std::vector<ports::WorkloadStatus> statuses;
  std::map<ReplicaId, int64_t> left;
  // What a process before this one started, and nobody has asked this one for, is told to the agent, which ends it.
  for (const auto& [owner, deployed] : deployments_) {
    if (!is_kept(owner) && !generations_.contains(owner.replica)) left[owner.replica] = owner.generation;
  }
  for (decide::ShownReplica& shown : generations_.show())
    statuses.push_back({std::move(shown.report), std::move(shown.app), std::move(shown.endpoint)});
  for (const auto& [id, generation] : left)
    statuses.push_back({{id, generation, ReplicaPhase::stopping, "found here", 0, 0}, {}, ""});
  return statuses;
}

/// The new generation serves, and this earlier one has some time to answer what it has.
void KubernetesWorkloadRuntime::retire(const Kept& one) {
  const Time since = runtime_.now();
  while (!runtime_.stopping() && one->phase == ReplicaPhase::ready) {
    const bool idle = config_.in_flight && config_.in_flight(one->order.id) == 0;
    if (config_.retire.over(runtime_.now() - since, idle)) break;
    runtime_.sleep_for(std::min<Duration>(20ms, config_.retire.shortest));
  }
  if (runtime_.stopping()) return;
  one->unwanted = true;
  one->news->notify();
}

void KubernetesWorkloadRuntime::tidy() {
  while (!runtime_.stopping() && !stood_down_) {
    remove_strays();
    runtime_.sleep_for(config_.tidy_every);
  }
}

/// A process that gives way to this one may still answer its last requests from them. One that comes back in the
/// middle of a rollout finds the generation before there: it is the way back until the one that is ordered is ready.
void KubernetesWorkloadRuntime::remove_strays() {
  const Time now = runtime_.now();
  std::erase_if(strays_, [&](const auto& stray) { return !deployments_.contains(stray.first); });
  for (const auto& [owner, deployed] : deployments_) {
    if (is_kept(owner) || !generations_.contains(owner.replica)) continue;
    const Kept newest = generations_.newest(owner.replica);
    if (newest->phase != ReplicaPhase::ready) {
      strays_.erase(owner);
      continue;
    }
    const Time since = strays_.try_emplace(owner, now).first->second;
    if (now - since >= config_.retire.longest) remove_objects(deployed);
  }
}

/// Nobody keeps them. What fails is found again.
void KubernetesWorkloadRuntime::remove_objects(const SeenDeployment& deployed) {
  if (!removing_.insert(deployed.owner).second) return;
  const std::string path = "/apis/apps/v1/namespaces/" + deployed.name_space + "/deployments/" + deployed.name;
  runtime_.spawn("leftover " + deployed.name, [this, owner = deployed.owner, name = deployed.name, path] {
    const auto removed = api_.remove(path);
    if (!removed) log_warning("cannot remove a workload", {{"workload", name}, {"why", removed.error().text()}});
    removing_.erase(owner);
  });
}

bool KubernetesWorkloadRuntime::is_kept(const Owner& owner) const {
  return std::ranges::any_of(instances_, [&](const auto& known) {
    const Kept instance = known.lock();
    return instance && instance->owner == owner;
  });
}

/// One that is not about to end, is ready rather than not, and is new rather than old.
const SeenPod* KubernetesWorkloadRuntime::pod_of(const Owner& owner) const {
  const SeenPod* best = nullptr;
  const auto rank = [](const SeenPod& pod) { return std::pair(pod.phase == ReplicaPhase::ready, pod.created); };
  for (const auto& [uid, pod] : pods_) {
    if (pod.owner != owner || pod.deleting) continue;
    if (best == nullptr || rank(pod) > rank(*best)) best = &pod;
  }
  return best;
}

bool KubernetesWorkloadRuntime::is_there(const Owner& owner) const {
  return deployments_.contains(owner) ||
         std::ranges::any_of(pods_, [&](const auto& pod) { return pod.second.owner == owner; });
}

Result<const SeenPod*> KubernetesWorkloadRuntime::pod_to_read(const ReplicaId& id) const {
  const Kept one = generations_.newest(id);
  if (!one) return fail(Code::not_found, "no such container here", id.str());
  const SeenPod* pod = pod_of(one->owner);
  if (pod == nullptr) return fail(Code::not_found, "it has no pod yet: " + one->detail, id.str());
  return pod;
}

Result<std::vector<std::string>> KubernetesWorkloadRuntime::logs(const ReplicaId& id, size_t lines) {
  TRY(const SeenPod* pod, pod_to_read(id));
  TRY(const std::string text, api_.get_text("/api/v1/namespaces/" + pod->name_space + "/pods/" + pod->name +
                                            "/log?container=app&timestamps=true&tailLines=" + std::to_string(lines)));
  std::vector<std::string> read;
  for (const std::string_view line : split(text, '\n')) {
    if (!line.empty()) read.emplace_back(line);
  }
  return read;
}

Result<ports::WorkloadUsage> KubernetesWorkloadRuntime::usage(const ReplicaId& id) {
  TRY(const SeenPod* pod, pod_to_read(id));
  const auto measured = api_.get("/apis/metrics.k8s.io/v1beta1/namespaces/" + pod->name_space + "/pods/" + pod->name);
  if (!measured && measured.error().code == Code::not_found) {
    if (!std::exchange(told_no_metrics_, true))
      log_info("the cluster has no figures of pods (metrics-server): none are shown", {{"why", measured.error().what}});
    return ports::WorkloadUsage{};
  }
  if (!measured) return fail(measured.error());
  ports::WorkloadUsage usage;
  for (const Json& container : json_read::list_of(json_read::at(*measured, "containers"))) {
    const auto figure = [&](const char* name) {
      return kubernetes::parse_quantity(json_read::text_of(json_read::at(container, "usage", name)));
    };
    if (const auto cores = figure("cpu")) usage.cores = usage.cores.value_or(0) + *cores;
    if (const auto bytes = figure("memory")) usage.memory = Bytes(static_cast<int64_t>(*bytes));
  }
  return usage;
}

}  // namespace barrio::adapters
