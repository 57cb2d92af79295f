#pragma once
// ports::WorkloadRuntime for containers: each replica is a container of podman's, confined as specification.h says,
// reached through its own network namespace, and kept by kept_server. Containers belong to podman, not to this process:
// they run on while it is restarted, and are found again by their labels.
// While a new generation takes over (decide/generations) the site holds both.
//
// Calls return at once. Owned by main(); must not be destroyed while its loop may still run. Ends nothing when
// destroyed.

#include <map>
#include <memory>

#include "adapters/kept_server/kept_server.h"
#include "adapters/podman/podman_api.h"
#include "ports/turn.h"
#include "ports/workload_runtime.h"

namespace barrio::adapters {

struct PodmanConfig {
  net::SocketAddress socket;
  std::string site;
  ServerTimes times = {};
  Duration discover_every = 10s;  // what else of ours podman has
  Duration stop_grace = 5s;       // between asking a container to end and killing it
  /// Requests of a replica; none: times.retire.longest is waited for.
  std::function<size_t(const ReplicaId&)> in_flight = {};
};

class PodmanWorkloadRuntime final : public ports::WorkloadRuntime {
 public:
  PodmanWorkloadRuntime(ports::Runtime& runtime, FetchPodman fetch, ProbeServer probe, PodmanConfig config);
  ~PodmanWorkloadRuntime() override;

  Result<void> ensure(const ports::WorkloadSpec& spec) override;
  Result<void> stop(const ReplicaId& id) override;
  Result<std::vector<ports::WorkloadStatus>> list() override;
  Result<std::vector<std::string>> logs(const ReplicaId& id, size_t lines) override;
  Result<ports::WorkloadUsage> usage(const ReplicaId& id) override;
  /// From now on another process of this site acts on these containers; this one only looks.
  void stand_down() { keeper_.stand_down(); }

 private:
  struct Instance;

  // podman_instance.cpp
  Result<void> start(Instance& one);
  Result<void> check_image(Instance& one);
  Result<void> create_or_adopt(Instance& one);
  Result<std::optional<std::string>> ended(Instance& one);
  std::string in_words(const Error& error) const;
  void stop(Instance& one);
  void take_away(Instance& one);

  Result<const PodmanHost*> known_host();
  void discover();
  void find_leftovers(const std::vector<FoundContainer>& found);
  void remove_stray(const std::string& name);
  void take_from_podman(const std::string& name);
  Result<std::string> name_of(const ReplicaId& id) const;

  ports::Runtime& runtime_;
  PodmanConfig config_;
  PodmanApi api_;
  std::optional<PodmanHost> host_;
  ServerKeeper<Instance> keeper_;
  std::map<std::string, std::string> images_;             // archive's hash and digest -> id, once checked
  ports::Turn images_turn_;                               // an archive is in memory whole: one at a time
  std::map<ReplicaId, ports::WorkloadStatus> leftovers_;  // found at podman's, and asked for by nobody yet
  std::map<std::string, Time> strays_;  // earlier generations of replicas that are kept here, since when seen
  bool discovering_ = false;
};

}  // namespace barrio::adapters
