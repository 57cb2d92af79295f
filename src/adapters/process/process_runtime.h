#pragma once
// ports::WorkloadRuntime as plain processes: each replica is one `barrio engine` child of this site's process, reached
// through a Unix socket. Calls return at once; a fiber per process watches it, probes its readiness and sees it end.
// Owned by main(); must not be destroyed while its loop may still run. Ends all its children when destroyed.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

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
  std::vector<std::string> arguments = {"engine"};  // put before --listen
  std::string folder;                               // logs, and sockets where the path is short enough
  std::string incarnation = {};                     // tells the sockets of two processes of one site apart
  Bytes memory_room = mib(512);    // added to resources.memory: the data of libraries, and the stacks of threads
  bool emulated_models = false;    // models of the backend profile are run, for tests; else they are refused
  size_t log_bytes = 1024 * 1024;  // over it, the older half goes
  Duration stop_grace = 2s;        // from SIGTERM to SIGKILL
  Duration start_limit = 60s;      // not ready by then: killed, started again
  Duration hang_limit = 10s;       // once ready, no answer for so long: killed, started again
  Duration first_back_off = 100ms;
  Duration longest_back_off = 10s;
  Duration healthy_after = 30s;  // having run for so long, the back-off starts anew
};

class ProcessWorkloadRuntime final : public ports::WorkloadRuntime {
 public:
  ProcessWorkloadRuntime(ports::Runtime& runtime, FetchHttp fetch, ProcessConfig config);
  ~ProcessWorkloadRuntime() override;

  Result<void> ensure(const ports::WorkloadSpec& spec) override;
  Result<void> stop(const ReplicaId& id) override;
  Result<std::vector<ports::WorkloadStatus>> list() override;
  Result<std::vector<std::string>> logs(const ReplicaId& id, size_t lines) override;

 private:
  struct Replica;

  Result<void> start(Replica& replica);
  void watch(const std::shared_ptr<Replica>& replica);
  void probe(Replica& replica);
  void has_ended(Replica& replica, const std::string& how);
  Result<std::string> socket_path(const ReplicaId& id, int64_t generation) const;
  std::string log_path(const ReplicaId& id) const;
  Result<std::string> write_extras(const ReplicaOrder& order) const;

  ports::Runtime& runtime_;
  FetchHttp fetch_;
  ProcessConfig config_;
  std::map<ReplicaId, std::shared_ptr<Replica>> replicas_;
};

}  // namespace barrio::adapters
