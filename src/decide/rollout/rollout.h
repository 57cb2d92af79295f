#pragma once
// How a new release replaces the one before, replica by replica. Pure and level-triggered: from what each replica
// should run, and what its site last said of it, to those that may go on now. A replica is told to go on only when all
// that were told before are ready; one that fails stops the rollout.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/snapshot.h"

namespace barrio::decide {

struct RolloutReplica {
  ReplicaId id;
  SiteId site;
  int64_t ordered = 0;                  // generation that it should run
  bool connected = false;               // its site speaks to control
  std::optional<ReplicaReport> report;  // as its site last said; none: nothing yet
  Duration ordered_for{};               // how long it has been told to run this one
};

struct RolloutStep {
  std::vector<ReplicaId> advance;     // to the target generation, now
  std::optional<std::string> failed;  // why it must stop
  bool done = false;                  // every replica that can be asked runs the target and is ready
};

/// Restarts of a replica within one release that mean that it will not do.
inline constexpr int64_t rollout_restarts = 3;

/// Replicas that do not serve go first: nothing is lost with them. Those of sites that control does not hear follow
/// last, without being waited for.
RolloutStep roll(std::span<const RolloutReplica> replicas, int64_t target, const RolloutSpec& how);

}  // namespace barrio::decide
