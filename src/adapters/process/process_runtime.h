#pragma once
// ports::WorkloadRuntime as one process: a `barrio engine` child of this site's process serves all its replicas, each
// at a Unix socket of its own, and runs their models in confined processes (docs/adr/0010). It is told what to serve
// over a control socket (engine/replica_host.h). Calls return at once; one fiber keeps the engine running, puts into it
// what should be there, takes out what should not, and sees how each replica is. Owned by main(); must not be destroyed
// while its loop may still run. Ends the engine when destroyed.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "model/usage.h"
#include "net/address.h"
#include "net/child_process.h"
#include "net/http.h"
#include "ports/runtime.h"
#include "ports/workload_runtime.h"

namespace barrio::adapters {

/// One HTTP call that parks the calling fiber; main() binds adapters/reactor_runtime's fetch to a client. (Adapters do
/// not see one another.)
using FetchHttp = std::function<Result<net::Response>(const net::SocketAddress&, net::Request, Time deadline)>;

struct ProcessConfig {
  std::string engine_program;                       // path of the barrio binary
  std::vector<std::string> arguments = {"engine"};  // put before --control
  std::string engine_config = {};                   // a file with its devices; empty: the machine's cores
  std::string folder;                               // the log, and sockets where the path is short enough
  std::string incarnation = {};                     // tells the sockets of two processes of one site apart
  bool emulated_models = false;        // models of the backend profile are run, for tests; else they are refused
  size_t log_bytes = 4 * 1024 * 1024;  // over it, the older half goes
  Duration start_limit = 60s;          // an engine that does not answer by then is killed; a replica that is not ready
                                       // by then has failed
  Duration hang_limit = 10s;           // an engine that has answered, and does not for so long, is killed
  Duration first_back_off = 100ms;     // of the engine, and of each replica
  Duration longest_back_off = 10s;
  Duration healthy_after = 30s;  // having run for so long, the back-off starts anew
  Duration end_grace = 6s;       // of the engine, when its runtime ends: it answers what it has for up to 5 s
};

class ProcessWorkloadRuntime final : public ports::WorkloadRuntime {
 public:
  ProcessWorkloadRuntime(ports::Runtime& runtime, FetchHttp fetch, ProcessConfig config);
  ~ProcessWorkloadRuntime() override;

  Result<void> ensure(const ports::WorkloadSpec& spec) override;
  Result<void> stop(const ReplicaId& id) override;
  Result<std::vector<ports::WorkloadStatus>> list() override;
  Result<std::vector<std::string>> logs(const ReplicaId& id, size_t lines) override;
  /// The engine is one for all: nothing is told apart.
  Result<ports::WorkloadUsage> usage(const ReplicaId& id) override;

  /// What the engine counted of streams and the journal does not have, as of the last second; `question` is what the
  /// engine is asked from now on. Needs an engine that counts: --usage among its arguments.
  std::vector<UsageRecord> cut_usage(EngineUsageQuestion question);

 private:
  struct Replica;
  struct BackOff {
    Duration next{};
    Time not_before{};
  };

  Result<void> start_engine();
  void keep();
  void step();
  bool check_engine();
  void engine_ended(const std::string& how);
  Result<net::Response> call(net::Request request);
  void look();
  void ask_usage();
  void take_out_unknown(const EngineReplicas& seen);
  void take_state(Replica& replica, const EngineReplica* seen);
  void act_on(const ReplicaId& id);
  Result<void> put(Replica& replica);
  void has_failed(Replica& replica, std::string detail);
  void back_off(BackOff& wait, Duration healthy_for) const;
  Result<std::string> socket_path(const std::string& what) const;
  Result<std::string> socket_of(const ReplicaId& id, int64_t generation) const;
  std::string log_path() const { return config_.folder + "/engine.log"; }

  ports::Runtime& runtime_;
  FetchHttp fetch_;
  ProcessConfig config_;
  std::map<ReplicaId, Replica> replicas_;

  std::optional<net::ChildProcess> engine_;
  std::string control_;  // its socket
  Time engine_started_{};
  Time last_answer_{};
  Time next_look_{};
  Time next_count_{};
  std::optional<EngineUsageQuestion> question_;
  std::vector<UsageRecord> counted_;
  int usage_status_ = 200;
  bool hangs_ = false;  // it was killed for that
  BackOff engine_back_off_;
  bool kept_ = false;  // the fiber runs
};

}  // namespace barrio::adapters
