// What the fiber of one generation does: puts its image into the registry, applies its objects, and says how its pod
// is; applies them again where somebody has changed them; removes them.

#include <algorithm>

#include "adapters/kubernetes/instance.h"
#include "base/json_read.h"
#include "base/log.h"
#include "base/read_file.h"

namespace barrio::adapters {

namespace {

using kubernetes::SeenPod;

constexpr size_t most_pods_counted = 32;
constexpr const char* in_turn = "all of it is applied from time to time";

/// Where nobody has said no, only nothing or "later".
bool may_pass(const Error& error) {
  return error.code == Code::unavailable || error.code == Code::exhausted || error.code == Code::timed_out ||
         error.code == Code::conflict;
}

/// What is ordered is to blame, not this site's cluster, registry or credentials: its release is stopped everywhere.
bool is_wrong(const Error& error) {
  return error.code == Code::invalid || error.code == Code::denied;
}

std::string address_of(const Json& service, int port) {
  const std::string ip = json_read::text_of(json_read::at(service, "spec", "clusterIP"));
  if (ip.empty() || ip == "None") return "";
  return (ip.find(':') == std::string::npos ? ip : "[" + ip + "]") + ":" + std::to_string(port);
}

}  // namespace

bool KubernetesWorkloadRuntime::acts_on(const Instance& one) const {
  return !one.unwanted && !runtime_.stopping() && !stood_down_;
}

void KubernetesWorkloadRuntime::wait_for_news(Instance& one, Duration most) {
  one.news->wait_until(runtime_.now() + most);
}

void KubernetesWorkloadRuntime::keep(const Kept& one) {
  decide::RestartDelay delay(config_.retry);
  while (acts_on(*one)) {
    const Time since = runtime_.now();
    const auto applied = apply(*one);
    const std::string why = applied ? follow(*one) : applied.error().text();
    if (!acts_on(*one)) break;
    if (std::exchange(one->why, why) != why && why != in_turn)
      log_warning(applied ? "workload is applied again" : "cannot apply a workload",
                  {{"workload", one->name}, {"why", why}});
    if (!applied && one->applied == 0) {
      one->phase = may_pass(applied.error()) ? ReplicaPhase::starting : ReplicaPhase::failed;
      one->detail = why;
    }
    if (!applied && one->applied == 0 && is_wrong(applied.error())) ++one->refusals;
    count_restarts(*one);
    const Time again = runtime_.now() + delay.after_running(runtime_.now() - since, runtime_.rng());
    while (acts_on(*one) && runtime_.now() < again) {
      wait_for_news(*one, std::min<Duration>(config_.look_every, again - runtime_.now()));
      if (one->applied != 0) static_cast<void>(look(*one));
    }
  }
  // A process of this site that has taken over acts on it; this one goes on saying how it is.
  while (stood_down_ && !one->unwanted && !runtime_.stopping()) {
    if (one->applied != 0) static_cast<void>(look(*one));
    wait_for_news(*one, config_.look_every);
  }
  if (one->unwanted) take_away(*one);
}

Result<void> KubernetesWorkloadRuntime::apply(Instance& one) {
  TRY_DO(one.container().check_signature());
  if (!deployments_watch_.known() || !pods_watch_.known()) {
    wait_for_news(one, config_.look_every);
    if (!deployments_watch_.known() || !pods_watch_.known())
      return fail(Code::unavailable, "waits for the cluster: " + deployments_watch_.fault() + pods_watch_.fault());
  }
  const auto found = deployments_.find(one.owner);
  if (found != deployments_.end() && found->second.deleting)
    return fail(Code::conflict, "an earlier one of this name has not gone yet", one.name);
  // What runs already needs no registry.
  if (found == deployments_.end() || one.put_again) TRY_DO(put_image(one));
  TRY_DO(prepare_namespace(one.order.app.tenant));
  auto applied = apply_objects(one);
  if (!applied && applied.error().code == Code::not_found) namespaces_.erase(one.order.app.tenant);
  return applied;
}

Result<void> KubernetesWorkloadRuntime::put_image(Instance& one) {
  const ContainerSpec& container = one.container();
  const TenantId tenant = one.order.app.tenant;
  // By the archive, too: a digest alone would lend one tenant's image to another.
  const std::string known = tenant.str() + "/" + container.sha256 + container.image.digest;
  const bool again = std::exchange(one.put_again, false);
  if (!again && images_.contains(known)) return {};
  if (one.applied == 0) one.detail = "its image is put into the registry";
  const ports::Turn::Hold hold(images_turn_);
  if (!acts_on(one)) return fail(Code::cancelled, "is not wanted any more", one.name);
  if (!again && images_.contains(known)) return {};
  std::optional<Result<std::string>> archive;
  // Verified: what is put there is what was uploaded, whatever has happened on the disk.
  runtime_.offload([&] { archive = read_verified_file(one.file_path, container.sha256); });
  if (!*archive) {
    // One that is not there now may be fetched again: nothing is wrong with what was ordered.
    Error why = archive->error();
    if (why.code == Code::not_found) why.code = Code::unavailable;
    return fail(std::move(why));
  }
  TRY_DO(registry_.put(tenant, container.image, **archive));
  images_.insert(known);
  return {};
}

Result<void> KubernetesWorkloadRuntime::prepare_namespace(const TenantId& tenant) {
  const auto ready = namespaces_.find(tenant);
  if (ready != namespaces_.end() && runtime_.now() - ready->second < config_.apply_every) return {};
  const std::string name = kubernetes::namespace_of(config_.plan, tenant);
  TRY_DO(api_.apply("/api/v1/namespaces/" + name, kubernetes::namespace_manifest(config_.plan, tenant)));
  const Json policy = kubernetes::network_policy(config_.plan, tenant);
  const std::string policy_name = json_read::text_of(json_read::at(policy, "metadata", "name"));
  TRY_DO(api_.apply("/apis/networking.k8s.io/v1/namespaces/" + name + "/networkpolicies/" + policy_name, policy));
  namespaces_[tenant] = runtime_.now();
  return {};
}

Result<void> KubernetesWorkloadRuntime::apply_objects(Instance& one) {
  const std::string image = registry_.reference(one.order.app.tenant, one.container().image);
  TRY(const Json made, api_.apply(one.path(), kubernetes::deployment(config_.plan, one.order, image)));
  const Json& metadata = json_read::at(made, "metadata");
  if (!json_read::at(metadata, "deletionTimestamp").is_null())
    return fail(Code::conflict, "an earlier one of this name has not gone yet", one.name);
  const std::string uid = json_read::text_of(json_read::at(metadata, "uid"));
  const std::string core = "/api/v1/namespaces/" + one.name_space;
  if (!one.order.secrets.empty())
    TRY_DO(api_.apply(core + "/secrets/" + one.name, kubernetes::secret(config_.plan, one.order, uid)));
  TRY(const Json service,
      api_.apply(core + "/services/" + one.name, kubernetes::service(config_.plan, one.order, uid)));
  one.address = address_of(service, one.container().port);
  if (one.address.empty()) return fail(Code::unavailable, "its Service has no address", one.name);
  one.applied = json_read::number_of(json_read::at(metadata, "generation"));
  one.applied_at = runtime_.now();
  one.seen = false;
  return {};
}

/// Why its objects have to be applied again; empty: it is not wanted any more.
std::string KubernetesWorkloadRuntime::follow(Instance& one) {
  while (acts_on(one)) {
    std::string why = look(one);
    if (!why.empty()) return why;
    const SeenPod* pod = pod_of(one.owner);
    const bool unreached = pod != nullptr && pod->phase == ReplicaPhase::ready && one.reached != pod->uid;
    wait_for_news(one, unreached ? config_.reach_every : config_.look_every);
  }
  return "";
}

/// Says how it is. Why it has to be applied again; empty: it need not.
std::string KubernetesWorkloadRuntime::look(Instance& one) {
  tell_pod(one);
  const auto found = deployments_.find(one.owner);
  const bool there = found != deployments_.end() && !found->second.deleting;
  const Duration since = runtime_.now() - one.applied_at;
  if (!there) {
    if (one.seen) return "its Deployment was deleted";
    const bool lost = since >= config_.unseen_after && deployments_watch_.fault().empty();
    return lost ? "its Deployment is not seen" : "";
  }
  one.seen = true;
  if (found->second.revision > one.applied) return "its Deployment was changed";
  if (one.put_again) return "its image is put into the registry once more";
  return since >= config_.apply_every ? in_turn : "";
}

void KubernetesWorkloadRuntime::tell_pod(Instance& one) {
  count_restarts(one);
  const SeenPod* found = pod_of(one.owner);
  if (found == nullptr) {
    const auto deployed = deployments_.find(one.owner);
    const std::string trouble = deployed == deployments_.end() ? "" : deployed->second.trouble;
    one.phase = trouble.empty() ? ReplicaPhase::starting : ReplicaPhase::failed;
    one.detail = trouble.empty() ? "waits for its pod" : trouble;
    return;
  }
  const SeenPod pod = *found;  // asking it parks, and it may be gone then
  one.put_again = pod.cannot_pull;
  if (pod.phase == ReplicaPhase::ready && one.reached != pod.uid) {
    if (!reaches(one, pod)) return;
  }
  one.phase = pod.phase;
  one.detail = pod.detail;
  one.endpoint = one.address;
}

/// Ready is what is ready from here: the gateway is in this process. Once per pod; then the cluster's word counts.
bool KubernetesWorkloadRuntime::reaches(Instance& one, const SeenPod& pod) {
  const HealthCheck check = one.container().ready.value_or(HealthCheck());
  const auto address = net::SocketAddress::parse(one.address);
  net::Request request{
      .method = "GET", .target = check.path, .headers = {{"User-Agent", "barrio-health"}}, .body = {}, .peer_ip = {}};
  const auto answer = address ? probe_(*address, std::move(request), runtime_.now() + check.timeout)
                              : Result<net::Response>(fail(address.error()));
  if (answer && answer->status >= 200 && answer->status < 400) {
    one.reached = pod.uid;
    return true;
  }
  one.phase = ReplicaPhase::starting;
  one.detail = "its pod is ready, but does not answer this site's gateway at " + one.address + ": " +
               (answer ? "status " + std::to_string(answer->status) : answer.error().what);
  return false;
}

/// Each pod after the first is one more start, as is each of its container after its first.
void KubernetesWorkloadRuntime::count_restarts(Instance& one) {
  for (const auto& [uid, pod] : pods_) {
    if (pod.owner == one.owner) one.pods[uid] = std::max(one.pods[uid], pod.restarts);
  }
  for (auto counted = one.pods.begin(); one.pods.size() > most_pods_counted && counted != one.pods.end();) {
    if (pods_.contains(counted->first)) {
      ++counted;
      continue;
    }
    one.earlier += counted->second + 1;
    counted = one.pods.erase(counted);
  }
  one.restarts = one.earlier + one.refusals + std::max<int64_t>(0, static_cast<int64_t>(one.pods.size()) - 1);
  for (const auto& [uid, restarts] : one.pods) one.restarts += restarts;
}

/// Until the cluster shows nothing of it: what it cannot do now, it can later.
void KubernetesWorkloadRuntime::take_away(Instance& one) {
  decide::RestartDelay delay(config_.retry);
  one.phase = ReplicaPhase::stopping;
  one.detail = "ends";
  while (!runtime_.stopping() && !stood_down_) {
    const auto removed = api_.remove(one.path());
    if (!removed) log_warning("cannot remove a workload", {{"workload", one.name}, {"why", removed.error().text()}});
    const Time again = runtime_.now() + (removed ? 30s : delay.after_running(Duration::zero(), runtime_.rng()));
    while (!runtime_.stopping() && !stood_down_ && runtime_.now() < again) {
      if (removed && !is_there(one.owner)) return;
      wait_for_news(one, std::min<Duration>(config_.look_every, again - runtime_.now()));
    }
  }
}

}  // namespace barrio::adapters
