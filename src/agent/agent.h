#pragma once
// The agent of one site. It pulls what its site should run (orders) and what its gateway decides from (the snapshot),
// keeps both on disk, makes the site's workload runtime run exactly that, and reports what really runs.
//
// Three fibers: the local loop (list, tell the gateway, reconcile) never waits for control, so that a hanging control
// delays no repair; the link loop (report and sync, persist, fetch files) never touches replicas; the usage loop moves
// what the gateway counted to the journal on disk. They share the wanted orders, and the journal. Every step is
// level-triggered: a crash anywhere is repaired by the next round.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/leaving.h"
#include "agent/site_evidence.h"
#include "agent/site_files.h"
#include "agent/snapshot_text.h"
#include "agent/usage_ledger.h"
#include "decide/reconcile/reconcile.h"
#include "decide/reconcile/room.h"
#include "model/snapshot.h"
#include "ports/control_link.h"
#include "ports/runtime.h"
#include "ports/workload_runtime.h"

namespace barrio::agent {

struct AgentConfig {
  SiteId site;
  std::string data_folder;
  std::string gateway_address;  // "host:port" as others reach this site's gateway
  Duration period = 500ms;      // of the local loop
  Duration sync_period = 500ms;
  Duration usage_period = 1s;    // from the gateway to disk: what a power loss can lose
  Duration usage_shipped = 10s;  // from disk to control; without a pause while there is a backlog
  bool standby = false;          // does not speak to control before take_over(): another process of the site does
};

/// The agent's view to its gateway. All are called on the agent's loop and must not park.
struct AgentHooks {
  std::function<void(std::shared_ptr<const Snapshot>)> on_snapshot;
  std::function<void(std::vector<ports::WorkloadStatus>)> on_local;
  std::function<std::vector<Flow>()> flows;
  /// As gateway::Meter::cut of each meter, from what the journal has of it. None: nothing is metered.
  std::function<std::vector<UsageRecord>(std::span<const JournaledPeriod>)> cut_usage = {};
  /// False while another process of the site still writes the journal. None: there is no other.
  std::function<bool()> journal_is_ours = {};
  std::function<size_t()> in_flight = {};
  std::function<LeaveState(const ReplicaOrder&)> leaving = {};  // none: nothing stands against it
  ports::TransparencyLog* log = nullptr;                        // outlives the agent; none: nothing is logged
};

class Agent {
 public:
  /// Files under config.data_folder.
  Agent(ports::Runtime& runtime, ports::WorkloadRuntime& workloads, ports::ControlLink& control, AgentConfig config,
        AgentHooks hooks);
  /// Files as given.
  Agent(ports::Runtime& runtime, ports::WorkloadRuntime& workloads, ports::ControlLink& control, SiteFiles& files,
        AgentConfig config, AgentHooks hooks);

  /// In a fiber: starts from disk, then runs until the runtime stops. The agent must not be destroyed while its loop
  /// may still run.
  void run();

  // For a handover; on the loop, outside of fibers too.
  /// From now on this agent speaks for its site.
  void take_over();
  /// From now on another one does: no more reports, and nothing more is written. Replicas are kept running.
  void stand_down();
  /// Of the replicas that the network believes ready here: those that are not, in words. None: not loaded yet.
  std::optional<std::vector<std::string>> not_ready() const;

 private:
  void load_from_disk();

  void link_loop();
  void sync_once();
  SiteReport report() const;
  void usage_loop();
  void journal_usage();
  Result<void> journal_one();
  void log_evidence();
  void take(SiteOrders orders);
  void save(const std::string& name, std::string content);
  void adopt(std::shared_ptr<const Snapshot> snapshot);
  void refuse(RefusedSnapshot refused);
  void obtain_files(bool control_is_there);
  Result<void> obtain_file(const std::string& sha256, bool control_is_there);
  void forget_old_files();

  void local_step();
  void withdraw_leaving(std::vector<ports::WorkloadStatus>& listed);
  void act(std::vector<decide::Action> actions);
  Result<bool> apply(const decide::Action& action, std::optional<decide::SiteRoom>& room);
  decide::SiteRoom room_here(const Site& site);
  std::string rack_of(const ReplicaId& id) const;
  bool waits_for_rack(const Site& site, const ReplicaId& id) const;
  void give_up_one(const Site& site, const decide::SiteRoom& room);

  ports::Runtime& runtime_;
  ports::WorkloadRuntime& workloads_;
  ports::ControlLink& control_;
  std::unique_ptr<SiteFiles> own_files_;
  SiteFiles& files_;
  AgentConfig config_;
  AgentHooks hooks_;

  bool have_orders_ = false;  // false: nothing is known, so nothing is stopped either
  std::vector<ReplicaOrder> orders_;
  std::string orders_text_;  // as they came last; empty: those from the disk
  std::shared_ptr<const Snapshot> snapshot_;
  SnapshotText snapshot_text_;                                 // as it was saved last
  std::map<ReplicaId, std::string> racks_;                     // where each stands here, as last said
  std::optional<RefusedSnapshot> refused_;                     // the last one that came, if it was not taken
  std::map<std::string, std::string> saved_;                   // file -> content as last written
  std::set<std::string> obtained_;                             // hashes whose content is on disk and verified
  std::map<std::string, std::string> file_fault_;              // hash -> why it is not
  std::vector<ports::WorkloadStatus> local_;                   // as last listed
  Leaving leaving_;                                            // replicas that are to leave
  std::map<ReplicaId, std::string> start_fault_;               // replica -> why it could not even be started
  std::set<ReplicaId> without_room_;                           // replicas that wait for others to go
  std::map<ReplicaId, std::map<int64_t, Resources>> started_;  // what was asked for it, by generation
  std::unique_ptr<ports::Signal> work_changed_;                // for the local loop: orders or files are new
  std::unique_ptr<ports::Signal> local_changed_;               // for the link loop: control should hear of it now
  bool control_away_ = false;
  UsageLedger usage_;
  std::unique_ptr<SiteEvidence> evidence_;  // none: nothing is logged
  bool log_away_ = false;
  Time next_shipment_{};
  bool loaded_ = false;
  bool linked_ = false;  // speaks to control
  bool stood_down_ = false;
};

}  // namespace barrio::agent
