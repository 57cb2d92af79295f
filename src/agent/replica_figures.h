#pragma once
// What the replicas of one app do at this site, for their tenant.

#include "api/operator/views.h"
#include "ports/workload_runtime.h"

namespace barrio::agent {

inline constexpr size_t most_log_lines = 1000;
inline constexpr size_t most_log_bytes = 1024 * 1024;  // of each replica; the earlier lines go first

/// In a fiber. `lines` zero: what they take; else their last lines. What cannot be told is left out.
api::ReplicaFiguresList replica_figures(ports::WorkloadRuntime& workloads, const SiteId& site, const AppKey& app,
                                        size_t lines);

}  // namespace barrio::agent
