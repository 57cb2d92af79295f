#include "agent/workload_kinds.h"

#include <algorithm>

namespace barrio::agent {

Result<void> WorkloadKinds::ensure(const ports::WorkloadSpec& spec) {
  const ReplicaId& id = spec.order.id;
  if (!spec.order.container) {
    // It was a container before.
    if (containers_ != nullptr) TRY_DO(containers_->stop(id));
    return models_.ensure(spec);
  }
  TRY_DO(models_.stop(id));
  if (containers_ == nullptr) {
    return fail(Code::unsupported, "this site runs no containers (podman or kubernetes in its configuration)",
                id.str());
  }
  return containers_->ensure(spec);
}

Result<void> WorkloadKinds::stop(const ReplicaId& id) {
  auto stopped = models_.stop(id);
  if (containers_ != nullptr) TRY_DO(containers_->stop(id));
  return stopped;
}

/// One that changes its kind is in both for a while: the one that serves counts.
Result<std::vector<ports::WorkloadStatus>> WorkloadKinds::list() {
  TRY(auto all, models_.list());
  if (containers_ == nullptr) return all;
  TRY(auto containers, containers_->list());
  for (ports::WorkloadStatus& status : containers) {
    const auto same = [&](const ports::WorkloadStatus& other) { return other.report.id == status.report.id; };
    const auto other = std::ranges::find_if(all, same);
    if (other == all.end()) {
      all.push_back(std::move(status));
    } else if (other->report.phase == ReplicaPhase::stopping || status.report.phase == ReplicaPhase::ready) {
      *other = std::move(status);
    }
  }
  return all;
}

Result<std::vector<std::string>> WorkloadKinds::logs(const ReplicaId& id, size_t lines) {
  if (containers_ != nullptr) {
    auto logs = containers_->logs(id, lines);
    if (logs || logs.error().code != Code::not_found) return logs;
  }
  return models_.logs(id, lines);
}

Result<ports::WorkloadUsage> WorkloadKinds::usage(const ReplicaId& id) {
  if (containers_ != nullptr) {
    auto usage = containers_->usage(id);
    if (usage || usage.error().code != Code::not_found) return usage;
  }
  return models_.usage(id);
}

}  // namespace barrio::agent
