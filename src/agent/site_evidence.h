#pragma once
// What an agent has its site's transparency log say: for each app and minute what was processed here, and each replica
// that was placed and removed. Each exactly once, though agent and machine may die at any point: what is to be logged
// is first written down (evidence.json) with the log's size, and looked for from there on when it is not known whether
// it was. Lives on the agent's loop, in the fiber that journals usage.

#include "agent/site_files.h"
#include "model/snapshot.h"
#include "ports/runtime.h"
#include "ports/transparency_log.h"
#include "ports/workload_runtime.h"

namespace barrio::agent {

struct EvidenceFile;

class SiteEvidence {
 public:
  static constexpr const char* file = "evidence.json";

  SiteEvidence(ports::Runtime& runtime, SiteFiles& files, ports::TransparencyLog& log, SiteId site);
  ~SiteEvidence();

  /// Before all else. Errors: unavailable (try again). May park.
  Result<void> load();
  bool loaded() const { return state_ != nullptr; }
  /// One period of what the gateway counted; before it is journaled, so that it comes again after a crash. A period
  /// that is known already is left out. Errors: exhausted (disk full), unavailable; the same again later is right. May
  /// park.
  Result<void> add(const UsageRecord& record, const Snapshot* snapshot);
  /// Logs the minutes that are over, and how what runs here differs from what was logged. Errors: those of the log. May
  /// park.
  Result<void> log(WallTime now, const Snapshot* snapshot, std::span<const ReplicaOrder> orders,
                   std::span<const ports::WorkloadStatus> running);

 private:
  Result<void> settle();
  Result<void> save();
  void take_minutes(WallTime now, const Jurisdiction& where);
  void take_replicas(std::span<const ReplicaOrder> orders, std::span<const ports::WorkloadStatus> running,
                     const Jurisdiction& where);

  ports::Runtime& runtime_;
  SiteFiles& files_;
  ports::TransparencyLog& log_;
  const SiteId site_;
  const Duration settling_;
  std::unique_ptr<EvidenceFile> state_;  // as on disk, or newer
};

}  // namespace barrio::agent
