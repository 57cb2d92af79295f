#pragma once
// What a simulated site has under it: a disk that survives its crashes, and replicas that do not.

#include <functional>
#include <map>
#include <string>

#include "agent/site_files.h"
#include "ports/workload_runtime.h"
#include "sim/loop.h"

namespace barrio::sim {

/// The content of one site's disk.
using Disk = std::map<std::string, std::string>;

class SimSiteFiles final : public agent::SiteFiles {
 public:
  SimSiteFiles(ports::Runtime& runtime, Disk& disk) : runtime_(runtime), disk_(disk) {}
  Result<std::optional<std::string>> read(const std::string& name) override;
  Result<void> write(const std::string& name, const std::string& content) override;
  Result<void> append(const std::string& name, const std::string& addition) override;
  Result<void> remove(const std::string& name) override;
  std::string path(const std::string& name) const override { return "/sim/" + name; }

 private:
  ports::Runtime& runtime_;
  Disk& disk_;
};

/// Replicas start in 50-800 ms, crash when told to, and come back with the back-off of real ones.
class SimWorkloadRuntime final : public ports::WorkloadRuntime {
 public:
  static constexpr Duration first_back_off = 100ms;
  static constexpr Duration longest_back_off = 10s;

  /// `on_start` is told of each replica that starts here.
  SimWorkloadRuntime(SimLoop& loop, std::function<void(const ReplicaOrder&)> on_start)
      : loop_(loop), on_start_(std::move(on_start)) {}

  Result<void> ensure(const ports::WorkloadSpec& spec) override;
  Result<void> stop(const ReplicaId& id) override;
  Result<std::vector<ports::WorkloadStatus>> list() override;
  Result<std::vector<std::string>> logs(const ReplicaId& id, size_t lines) override;
  Result<ports::WorkloadUsage> usage(const ReplicaId& /*id*/) override { return ports::WorkloadUsage{}; }

  /// As if its process had been killed. No such replica: no effect.
  void crash(const ReplicaId& id);
  struct Replica {
    ReplicaOrder order;
    bool runs = false;
    uint64_t life = 0;  // counts its starts
    Time ready_at{};
    Time not_before{};
    Duration back_off = first_back_off;
    int64_t restarts = 0;
    Time busy_until{};  // one request at a time
  };
  /// Null when there is none.
  Replica* find(std::string_view endpoint);
  static std::string endpoint(const ReplicaId& id) { return "unix:/sim/" + id.str(); }
  const std::map<ReplicaId, Replica>& replicas() const { return replicas_; }

 private:
  void start(Replica& replica);

  SimLoop& loop_;
  std::function<void(const ReplicaOrder&)> on_start_;
  std::map<ReplicaId, Replica> replicas_;
};

}  // namespace barrio::sim
