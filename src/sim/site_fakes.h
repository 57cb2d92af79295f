#pragma once
// What a simulated site has under it: a disk that survives its crashes, and replicas that do not.

#include <functional>
#include <map>
#include <string>

#include "agent/site_files.h"
#include "ports/workload_runtime.h"
#include "sim/loop.h"

namespace barrio::sim {

/// One site's disk: what is on it, and what is wrong with it.
struct Disk {
  static constexpr Duration usual_write = 2ms;
  std::map<std::string, std::string> files;
  Duration write_takes = usual_write;
  bool full = false;  // nothing can be added
};

class SimSiteFiles final : public agent::SiteFiles {
 public:
  /// `watch` is told of each file that is to be replaced.
  using Watch = std::function<void(const std::string& name, const std::string& content)>;
  SimSiteFiles(ports::Runtime& runtime, Disk& disk, Watch watch = {})
      : runtime_(runtime), disk_(disk), watch_(std::move(watch)) {}
  Result<std::optional<std::string>> read(const std::string& name) override;
  Result<void> write(const std::string& name, const std::string& content) override;
  Result<void> append(const std::string& name, const std::string& addition) override;
  Result<void> remove(const std::string& name) override;
  std::string path(const std::string& name) const override { return "/sim/" + name; }

 private:
  ports::Runtime& runtime_;
  Disk& disk_;
  Watch watch_;
};

/// What a start is beside the 50-800 ms that it always takes.
struct SimStarts {
  Duration longer{};  // a model that loads
  double slows = 0;   // each start lengthens what the site's replicas do meanwhile by this share
};

/// Replicas start in 50-800 ms, crash when told to, and come back with the back-off of real ones.
class SimWorkloadRuntime final : public ports::WorkloadRuntime {
 public:
  static constexpr Duration first_back_off = 100ms;
  static constexpr Duration longest_back_off = 10s;
  static constexpr std::string_view endpoint_prefix = "unix:/sim/";

  /// Told of each replica that starts here, in place of the one of its id if there is one, and of each that ends.
  struct Watch {
    std::function<void(const ReplicaOrder&)> started = {};
    std::function<void(const ReplicaId&)> ended = {};
  };
  SimWorkloadRuntime(SimLoop& loop, Watch watch, const SimStarts& starts = {})
      : loop_(loop), watch_(std::move(watch)), starts_(starts) {}

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
  static std::string endpoint(const ReplicaId& id) { return std::string(endpoint_prefix) + id.str(); }
  const std::map<ReplicaId, Replica>& replicas() const { return replicas_; }
  /// How many start now.
  size_t starting() const;
  /// What a service time is multiplied with now.
  double slowness() const { return 1 + starts_.slows * static_cast<double>(starting()); }

 private:
  void start(Replica& replica);

  SimLoop& loop_;
  Watch watch_;
  SimStarts starts_;
  std::map<ReplicaId, Replica> replicas_;
};

}  // namespace barrio::sim
