#pragma once
// ports::WorkloadRuntime for containers in the Kubernetes cluster of a site. Each generation of a replica is a
// Deployment of one pod, with a Service that the gateway reaches it by and a Secret, in its tenant's namespace; all are
// made by server-side apply, and go with the Deployment. Restarts and their back-off, and the questions for health, are
// the kubelet's. What the cluster says is watched, not asked for.
//
// The cluster keeps what runs: this process may end and start, and applies the same again, which changes nothing. While
// the API server is away, the last that it said stands. While a new generation takes over (decide/generations), the
// site holds both.
//
// One fiber keeps each generation. Calls but logs and usage return at once. Owned by main(); must not be destroyed
// while its loop may still run. Ends nothing when destroyed.

#include <map>
#include <memory>
#include <set>

#include "adapters/kubernetes/image_registry.h"
#include "adapters/kubernetes/manifest.h"
#include "adapters/kubernetes/seen.h"
#include "adapters/kubernetes/watched_kind.h"
#include "decide/generations/generations.h"
#include "decide/health/health.h"
#include "ports/turn.h"
#include "ports/workload_runtime.h"

namespace barrio::adapters {

struct KubernetesConfig {
  kubernetes::ApiConfig api;
  kubernetes::ClusterPlan plan;
  kubernetes::RegistryConfig registry;
  kubernetes::WatchedKind::Limits watch = {};
  decide::RestartDelay::Limits retry = {};  // of what the cluster refuses
  Duration look_every = 1s;                 // beside what the watches tell
  Duration reach_every = 200ms;             // between questions of ours to a pod that the cluster calls ready
  Duration tidy_every = 1s;                 // looking for what nobody keeps
  Duration apply_every = 5min;              // all once more: not everything that is applied is watched
  Duration unseen_after = 30s;              // a Deployment that the watch does not show is applied again
  decide::RetireLimits retire = {};
  std::function<size_t(const ReplicaId&)> in_flight = {};  // requests of a replica; none: retire.longest is waited for
};

class KubernetesWorkloadRuntime final : public ports::WorkloadRuntime {
 public:
  struct Calls {
    kubernetes::Fetch api;
    kubernetes::Stream watch;
    kubernetes::Fetch registry;
    kubernetes::Fetch probe;  // to the pods; what a stranger answers should be bounded there
  };
  KubernetesWorkloadRuntime(ports::Runtime& runtime, Calls calls, KubernetesConfig config);
  ~KubernetesWorkloadRuntime() override;

  Result<void> ensure(const ports::WorkloadSpec& spec) override;
  Result<void> stop(const ReplicaId& id) override;
  Result<std::vector<ports::WorkloadStatus>> list() override;
  Result<std::vector<std::string>> logs(const ReplicaId& id, size_t lines) override;
  /// Empty where the cluster has no metrics (metrics.k8s.io), or none of it yet.
  Result<ports::WorkloadUsage> usage(const ReplicaId& id) override;
  /// From now on another process of this site acts on these workloads; this one only looks.
  void stand_down() { stood_down_ = true; }

 private:
  using Owner = kubernetes::ObjectOwner;
  struct Instance;
  using Kept = std::shared_ptr<Instance>;

  // kubernetes_instance.cpp: in the fiber of one generation.
  void keep(const Kept& one);
  Result<void> apply(Instance& one);
  Result<void> put_image(Instance& one);
  Result<void> prepare_namespace(const TenantId& tenant);
  Result<void> apply_objects(Instance& one);
  std::string follow(Instance& one);
  std::string look(Instance& one);
  void tell_pod(Instance& one);
  bool reaches(Instance& one, const kubernetes::SeenPod& pod);
  void count_restarts(Instance& one);
  void wait_for_news(Instance& one, Duration most);
  void take_away(Instance& one);
  bool acts_on(const Instance& one) const;

  void begin();
  template <class Key, class Seen>
  kubernetes::WatchedKindEvents kept_in(std::map<Key, Seen>& known);
  void news();
  void tidy();
  void remove_strays();
  void remove_objects(const kubernetes::SeenDeployment& deployed);
  void retire(const Kept& one);
  bool is_kept(const Owner& owner) const;
  /// The pod that shows how a generation is; null: none.
  const kubernetes::SeenPod* pod_of(const Owner& owner) const;
  bool is_there(const Owner& owner) const;
  Result<const kubernetes::SeenPod*> pod_to_read(const ReplicaId& id) const;

  ports::Runtime& runtime_;
  kubernetes::Fetch probe_;
  const KubernetesConfig config_;
  kubernetes::KubernetesApi api_;
  kubernetes::ImageRegistry registry_;
  kubernetes::WatchedKind deployments_watch_;
  kubernetes::WatchedKind pods_watch_;
  std::map<Owner, kubernetes::SeenDeployment> deployments_;
  std::map<std::string, kubernetes::SeenPod> pods_;  // by uid
  decide::Generations<Instance> generations_;
  std::vector<std::weak_ptr<Instance>> instances_;  // whose fiber has not ended
  std::set<std::string> images_;                    // tenant, archive's hash and digest, once they are in the registry
  ports::Turn images_turn_;                         // an archive is in memory whole: one at a time
  std::map<TenantId, Time> namespaces_;             // that were made ready, when
  std::map<Owner, Time> strays_;                    // earlier generations of replicas that are kept here, since when
  std::set<Owner> removing_;
  bool begun_ = false;
  bool stood_down_ = false;
  bool told_no_metrics_ = false;
};

}  // namespace barrio::adapters
