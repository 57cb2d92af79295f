#pragma once
// What every WorkloadRuntime must do; each adapter's test runs it, in a fiber of its loop. Include after doctest.

#include <algorithm>

#include "ports/runtime.h"
#include "ports/workload_runtime.h"

namespace barrio::ports {

/// One adapter with something to run.
class WorkloadRig {
 public:
  virtual ~WorkloadRig() = default;
  virtual Runtime& loop() = 0;
  virtual WorkloadRuntime& workloads() = 0;
  virtual WorkloadSpec spec(const ReplicaId& id, int64_t generation) = 0;
  /// As if it had crashed.
  virtual void kill(const ReplicaId& id) = 0;
};

inline std::optional<WorkloadStatus> status_of(WorkloadRig& rig, const ReplicaId& id) {
  const auto all = rig.workloads().list();
  REQUIRE(all);
  const auto found = std::ranges::find_if(*all, [&](const auto& status) { return status.report.id == id; });
  return found == all->end() ? std::nullopt : std::optional(*found);
}

/// As the agent does: what is wanted is asked for again and again.
inline WorkloadStatus wait_until_ready(WorkloadRig& rig, const ReplicaId& id, int64_t generation) {
  const Time latest = rig.loop().now() + 30s;
  std::optional<WorkloadStatus> status;
  while (rig.loop().now() < latest) {
    status = status_of(rig, id);
    if (status && status->report.generation == generation && status->report.phase == ReplicaPhase::ready)
      return *status;
    REQUIRE(rig.workloads().ensure(rig.spec(id, generation)));
    rig.loop().sleep_for(20ms);
  }
  REQUIRE_MESSAGE(false, "not ready: " << (status ? status->report.detail : "not listed"));
  return {};
}

inline void wait_until_gone(WorkloadRig& rig, const ReplicaId& id) {
  const Time latest = rig.loop().now() + 30s;
  while (status_of(rig, id)) {
    REQUIRE(rig.loop().now() < latest);
    rig.loop().sleep_for(20ms);
  }
}

/// From its start over a crash and a new generation to its end.
inline void check_workload_runtime(WorkloadRig& rig) {
  const ReplicaId id = ReplicaId::of("contract-mad1-1");
  const ReplicaId other = ReplicaId::of("contract-mad1-2");
  CHECK_FALSE(status_of(rig, id));
  CHECK(rig.workloads().stop(id));  // not there is as good as ended
  CHECK(rig.workloads().logs(id, 10).error().code == Code::not_found);
  CHECK(rig.workloads().usage(id).error().code == Code::not_found);

  const WorkloadStatus first = wait_until_ready(rig, id, 1);
  CHECK(!first.endpoint.empty());
  CHECK(first.app == rig.spec(id, 1).order.app);
  CHECK(rig.workloads().ensure(rig.spec(id, 1)));  // changes nothing
  rig.loop().sleep_for(200ms);
  const auto same = status_of(rig, id);
  REQUIRE(same);
  CHECK((same->report.phase == ReplicaPhase::ready && same->endpoint == first.endpoint && same->report.restarts == 0));
  CHECK(rig.workloads().logs(id, 10));
  CHECK(rig.workloads().usage(id));

  wait_until_ready(rig, other, 1);
  rig.kill(id);
  const Time latest = rig.loop().now() + 30s;
  while (status_of(rig, id)->report.phase == ReplicaPhase::ready && status_of(rig, id)->report.restarts == 0) {
    REQUIRE(rig.loop().now() < latest);
    rig.loop().sleep_for(10ms);
  }
  CHECK(wait_until_ready(rig, id, 1).report.restarts >= 1);

  wait_until_ready(rig, id, 2);
  CHECK(status_of(rig, other)->report.generation == 1);
  CHECK(rig.workloads().stop(id));
  wait_until_gone(rig, id);
  CHECK(status_of(rig, other)->report.phase == ReplicaPhase::ready);
  CHECK(rig.workloads().stop(other));
  wait_until_gone(rig, other);
}

}  // namespace barrio::ports
