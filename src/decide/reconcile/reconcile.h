#pragma once
// From what a site should run and what it runs to what it must do. Level-triggered: calling it again after a crash, or
// with the same input, is harmless.

#include <functional>
#include <span>
#include <variant>
#include <vector>

#include "model/snapshot.h"

namespace barrio::decide {

struct StartReplica {
  ReplicaOrder order;
};
struct StopReplica {
  ReplicaId id;
};
using Action = std::variant<StartReplica, StopReplica>;

/// Stops first, in the order of `observed`, so that their room is free; then starts, in the order of `desired`: first
/// of what is there already and may take less from now on, then of what is not.
/// Started is what is missing, runs another generation, is stopping, or has failed (ports::WorkloadRuntime::ensure
/// backs off by itself). A replica of another generation is replaced by its start alone. One that is to leave is never
/// started, and stopped once `may_stop` says that nothing needs it any more.
std::vector<Action> reconcile(
    std::span<const ReplicaOrder> desired, std::span<const ReplicaReport> observed,
    const std::function<bool(const ReplicaId&)>& may_stop = [](const ReplicaId&) { return false; });

}  // namespace barrio::decide
