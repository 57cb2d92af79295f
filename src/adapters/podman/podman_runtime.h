#pragma once
// ports::WorkloadRuntime for containers: each replica is a container of podman's, confined as specification.h says,
// reached through its own network namespace. One fiber keeps each: it checks the image, creates, starts, probes,
// restarts with back-off, and removes. Containers belong to podman, not to this process: they run on while it is
// restarted, and are found again by their labels.
// While a new generation takes over (decide/generations) the site holds both.
//
// Calls return at once. Owned by main(); must not be destroyed while its loop may still run. Ends nothing when
// destroyed.

#include <map>
#include <memory>

#include "adapters/podman/podman_api.h"
#include "decide/generations/generations.h"
#include "decide/health/health.h"
#include "ports/turn.h"
#include "ports/workload_runtime.h"

namespace barrio::adapters {

struct PodmanConfig {
  net::SocketAddress socket;
  std::string site;
  decide::RestartDelay::Limits restart = {};
  Duration look_every = 500ms;    // at a container that serves, beside its probes
  Duration ready_period = 200ms;  // between questions until it is ready
  Duration discover_every = 10s;  // what else of ours podman has
  Duration stop_grace = 5s;       // between asking a container to end and killing it
  decide::RetireLimits retire = {};
  std::function<size_t(const ReplicaId&)> in_flight = {};  // requests of a replica; none: retire.longest is waited for
};

class PodmanWorkloadRuntime final : public ports::WorkloadRuntime {
 public:
  /// `probe` asks containers for their health; what a stranger answers should be bounded there.
  PodmanWorkloadRuntime(ports::Runtime& runtime, FetchPodman fetch, FetchPodman probe, PodmanConfig config);
  ~PodmanWorkloadRuntime() override;

  Result<void> ensure(const ports::WorkloadSpec& spec) override;
  Result<void> stop(const ReplicaId& id) override;
  Result<std::vector<ports::WorkloadStatus>> list() override;
  Result<std::vector<std::string>> logs(const ReplicaId& id, size_t lines) override;
  Result<ports::WorkloadUsage> usage(const ReplicaId& id) override;
  /// From now on another process of this site acts on these containers; this one only looks.
  void stand_down() { stood_down_ = true; }

 private:
  struct Instance;
  using Kept = std::shared_ptr<Instance>;

  // podman_instance.cpp: in the fiber of one instance.
  void keep(const Kept& one);
  void run_once(Instance& one);
  Result<void> bring_up(Instance& one);
  Result<void> check_image(Instance& one);
  Result<void> create_or_adopt(Instance& one);
  Result<void> start(Instance& one);
  Result<void> await_ready(Instance& one);
  std::string watch(Instance& one);
  bool answers(const Instance& one, const HealthCheck& check);
  void take_away(Instance& one);
  bool acts_on(const Instance& one) const;

  Result<const PodmanHost*> known_host();
  void discover();
  void retire(const Kept& one);
  void find_leftovers(const std::vector<FoundContainer>& found);
  void remove_stray(const std::string& name);
  bool is_kept(const std::string& name) const;
  void take_from_podman(const std::string& name);
  Result<std::string> name_of(const ReplicaId& id) const;

  ports::Runtime& runtime_;
  FetchPodman probe_;
  PodmanConfig config_;
  PodmanApi api_;
  std::optional<PodmanHost> host_;
  decide::Generations<Instance> generations_;
  std::vector<std::weak_ptr<Instance>> instances_;        // whose fiber has not ended
  std::map<std::string, std::string> images_;             // archive's hash and digest -> id, once checked
  ports::Turn images_turn_;                               // an archive is in memory whole: one at a time
  std::map<ReplicaId, ports::WorkloadStatus> leftovers_;  // found at podman's, and asked for by nobody yet
  std::map<std::string, Time> strays_;  // earlier generations of replicas that are kept here, since when seen
  bool discovering_ = false;
  bool stood_down_ = false;
};

}  // namespace barrio::adapters
