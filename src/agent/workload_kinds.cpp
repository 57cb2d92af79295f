#include "agent/workload_kinds.h"

#include <algorithm>

namespace barrio::agent {

namespace {

/// One that changes its kind is in both for a while: the one that serves counts.
void add_status(std::vector<ports::WorkloadStatus>& all, ports::WorkloadStatus status) {
  const auto same = [&](const ports::WorkloadStatus& other) { return other.report.id == status.report.id; };
  const auto other = std::ranges::find_if(all, same);
  if (other == all.end()) {
    all.push_back(std::move(status));
  } else if (other->report.phase == ReplicaPhase::stopping || status.report.phase == ReplicaPhase::ready) {
    *other = std::move(status);
  }
}

}  // namespace

WorkloadKinds::WorkloadKinds(ports::WorkloadRuntime& models, ports::WorkloadRuntime* containers,
                             ports::WorkloadRuntime* programs)
    : models_(models), containers_(containers), programs_(programs) {
  for (ports::WorkloadRuntime* kind : {containers_, programs_, &models_}) {
    if (kind != nullptr) all_.push_back(kind);
  }
}

Result<ports::WorkloadRuntime*> WorkloadKinds::kind_of(const ReplicaOrder& order) const {
  if (order.server() == nullptr) return &models_;
  if (order.container && containers_ == nullptr) {
    return fail(Code::unsupported, "this site runs no containers (podman or kubernetes in its configuration)",
                order.id.str());
  }
  if (order.program && programs_ == nullptr)
    return fail(Code::unsupported, "this site runs no programs (programs in its configuration)", order.id.str());
  return order.container ? containers_ : programs_;
}

Result<void> WorkloadKinds::ensure(const ports::WorkloadSpec& spec) {
  const auto kind = kind_of(spec.order);
  // It may have been of another kind before.
  for (ports::WorkloadRuntime* other : all_) {
    if (!kind || other != *kind) TRY_DO(other->stop(spec.order.id));
  }
  if (!kind) return fail(kind.error());
  return (*kind)->ensure(spec);
}

Result<void> WorkloadKinds::stop(const ReplicaId& id) {
  Result<void> first;
  for (ports::WorkloadRuntime* kind : all_) {
    auto stopped = kind->stop(id);
    if (first && !stopped) first = std::move(stopped);
  }
  return first;
}

Result<std::vector<ports::WorkloadStatus>> WorkloadKinds::list() {
  TRY(auto all, models_.list());
  for (ports::WorkloadRuntime* kind : all_) {
    if (kind == &models_) continue;
    TRY(auto listed, kind->list());
    for (ports::WorkloadStatus& status : listed) add_status(all, std::move(status));
  }
  return all;
}

Result<std::vector<std::string>> WorkloadKinds::logs(const ReplicaId& id, size_t lines) {
  Result<std::vector<std::string>> logs = fail(Code::not_found, "no such replica here", id.str());
  for (ports::WorkloadRuntime* kind : all_) {
    logs = kind->logs(id, lines);
    if (logs || logs.error().code != Code::not_found) return logs;
  }
  return logs;
}

Result<ports::WorkloadUsage> WorkloadKinds::usage(const ReplicaId& id) {
  Result<ports::WorkloadUsage> usage = fail(Code::not_found, "no such replica here", id.str());
  for (ports::WorkloadRuntime* kind : all_) {
    usage = kind->usage(id);
    if (usage || usage.error().code != Code::not_found) return usage;
  }
  return usage;
}

}  // namespace barrio::agent
