#pragma once
// What sites last told us: in memory only, and complete again within a second of a restart.

#include <map>
#include <optional>

#include "base/time.h"
#include "model/snapshot.h"

namespace barrio::control {

/// A site that reported this recently is connected.
inline constexpr Duration connected_for = 3s;
/// Longer silence than this makes its replicas not ready for everybody; gateways notice a lost peer much sooner.
inline constexpr Duration trusted_for = 10s;

struct Observation {
  Time last;
  SiteReport report;
};

class Observed {
 public:
  /// Silence is counted from `started`, so that a restarted control does not take sites for lost that it has not heard
  /// yet.
  explicit Observed(Time started) : started_(started) {}
  void note(SiteReport report, Time now);
  const Observation* of(const SiteId& site) const;
  bool connected(const SiteId& site, Time now) const;
  const ReplicaReport* replica(const Replica& replica) const;
  /// What the snapshot should say of this replica.
  ReplicaPhase phase(const Replica& replica, Time now) const;
  Time started() const { return started_; }
  const std::map<SiteId, Observation>& sites() const { return sites_; }

 private:
  Time started_;
  std::map<SiteId, Observation> sites_;
};

}  // namespace barrio::control
