#pragma once
// ports::WorkloadRuntime for programs: each replica is a process in a sandbox of its own (sandbox.h), reached through
// its own network namespace, and kept by kept_server. Programs are children of this process and end with it; a process
// that takes over from it has started its own by then (docs/adr/0021).
//
// Calls return at once. Owned by main(); must not be destroyed while its loop may still run.

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "adapters/kept_server/kept_server.h"
#include "adapters/process/program_files.h"
#include "adapters/process/sandbox.h"
#include "base/owned_descriptor.h"
#include "ports/turn.h"
#include "ports/workload_runtime.h"

namespace barrio::adapters {

struct ProgramConfig {
  std::string bwrap = "/usr/bin/bwrap";
  std::string folder;       // of programs' files and logs; those of processes of this site that are gone are removed
  std::string incarnation;  // tells two processes of one site apart
  std::string site;
  std::string cgroup = {};      // folder of a group of cgroups v2; empty: no programs, unless
  bool without_cgroup = false;  // rlimits and looking at what is used will do, which a hostile program gets around
  ServerTimes times = {};
  Duration stop_grace = 5s;            // between asking a program to end and killing it
  size_t log_bytes = 4 * 1024 * 1024;  // over it, the older part goes
  /// Requests of a replica; none: times.retire.longest is waited for.
  std::function<size_t(const ReplicaId&)> in_flight = {};
};

class ProgramWorkloadRuntime final : public ports::WorkloadRuntime {
 public:
  ProgramWorkloadRuntime(ports::Runtime& runtime, ProbeServer probe, ProgramConfig config);
  ~ProgramWorkloadRuntime() override;

  /// Errors: also unsupported, naming what this machine lacks.
  Result<void> ensure(const ports::WorkloadSpec& spec) override;
  Result<void> stop(const ReplicaId& id) override;
  Result<std::vector<ports::WorkloadStatus>> list() override;
  Result<std::vector<std::string>> logs(const ReplicaId& id, size_t lines) override;
  Result<ports::WorkloadUsage> usage(const ReplicaId& id) override;

 private:
  struct Instance;

  // In the fiber of one instance.
  Result<void> start(Instance& one);
  Result<std::optional<std::string>> ended(Instance& one);
  void stop(Instance& one);
  void take_away(Instance& one);

  Result<void> prepare();
  Result<void> claim_own_folder();
  void remove_leftovers();
  Result<void> get_files(Instance& one);
  Result<Sandbox> start_sandbox(const Instance& one);
  Result<void> await_namespaces(Instance& one);
  void look(Instance& one);
  void clear(Instance& one);
  std::string own_folder() const { return config_.folder + "/" + config_.incarnation; }
  std::string log_of(const Instance& one) const;

  ports::Runtime& runtime_;
  ProgramConfig config_;
  ServerKeeper<Instance> keeper_;
  std::map<std::string, std::weak_ptr<ProgramFiles>> files_;  // by the hash of what was uploaded
  ports::Turn files_turn_;                                    // an archive is in memory whole: one at a time
  size_t unpacked_ = 0;
  OwnedDescriptor claim_;  // on own_folder(), while this process lives
};

}  // namespace barrio::adapters
