#pragma once
// Which generation of a replica serves at a site, and which one comes to take its place: a new one starts beside the
// one that serves, which goes once the new one is ready and what it had is answered. Pure bookkeeping of runtimes that
// keep each generation in a fiber of its own.

#include <algorithm>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "model/snapshot.h"

namespace barrio::decide {

/// One generation of a replica, as the fiber that keeps it sees it. Runtimes derive theirs.
struct KeptGeneration {
  ReplicaOrder order;
  bool unwanted = false;  // it goes
  ReplicaPhase phase = ReplicaPhase::starting;
  std::string detail = "not started yet";
  std::string endpoint;
  int64_t restarts = 0;

  const ContainerSpec& container() const { return *order.container; }
  const ServerSpec& server() const { return *order.server(); }
};

/// How long a generation that serves no more may take for the requests that it has.
struct RetireLimits {
  Duration shortest = 1s;  // the gateway knows of the new generation by then
  Duration longest = 30s;  // its requests are answered by then, or never
  /// `idle`: it has none that is known of.
  bool over(Duration waited, bool idle) const { return waited >= longest || (waited >= shortest && idle); }
};

/// What a replica shows to the agent and, through it, to the gateway.
struct ShownReplica {
  ReplicaReport report;
  AppKey app;
  std::string endpoint;  // while it is ready
};

/// T: derived of KeptGeneration.
template <class T>
class Generations {
 public:
  using Kept = std::shared_ptr<T>;

  /// Where the one to start for this order is put; null: it is there already. What else was coming is unwanted.
  Kept* want(const ReplicaOrder& order) {
    Replica& replica = replicas_[order.id];
    replica.app = order.app;
    replica.forgotten = false;
    const auto is_it = [&](const Kept& one) {
      return one && !one->unwanted && one->order.generation == order.generation;
    };
    if (is_it(replica.coming)) return nullptr;
    if (replica.coming) replica.coming->unwanted = true;
    replica.coming = nullptr;
    if (is_it(replica.serving)) return nullptr;
    return replica.serving ? &replica.coming : &replica.serving;
  }

  /// All of its generations are unwanted. False: there is none.
  bool forget(const ReplicaId& id) {
    const auto found = replicas_.find(id);
    if (found == replicas_.end()) return false;
    found->second.forgotten = true;
    for (const Kept& one : {found->second.serving, found->second.coming}) {
      if (one) one->unwanted = true;
    }
    return true;
  }

  /// Lets those that are ready take over; what they take over from has to be retired.
  std::vector<Kept> promote() {
    std::vector<Kept> before;
    for (auto& [id, replica] : replicas_) {
      if (!replica.coming || replica.forgotten) continue;
      const bool broken = replica.serving->phase != ReplicaPhase::ready;
      if (replica.coming->phase != ReplicaPhase::ready && !broken) continue;
      before.push_back(std::exchange(replica.serving, std::exchange(replica.coming, nullptr)));
    }
    return before;
  }

  /// All of them. One that was forgotten is shown, as stopping, until nobody keeps it any more.
  std::vector<ShownReplica> show() {
    std::vector<ShownReplica> shown;
    for (const auto& [id, replica] : replicas_) shown.push_back(show(id, replica));
    std::erase_if(replicas_, [](const auto& entry) {
      const Replica& replica = entry.second;
      const auto over = [](const Kept& one) { return !one || one.use_count() == 1; };  // its fiber has ended
      return replica.forgotten && over(replica.serving) && over(replica.coming);
    });
    return shown;
  }

  bool contains(const ReplicaId& id) const { return replicas_.contains(id); }

  /// One that does not come up is what somebody wants to read about. Null: no such replica.
  Kept newest(const ReplicaId& id) const {
    const auto found = replicas_.find(id);
    if (found == replicas_.end()) return nullptr;
    return found->second.coming ? found->second.coming : found->second.serving;
  }

 private:
  struct Replica {
    AppKey app;
    Kept serving;  // null: none yet
    Kept coming;   // of another generation
    bool forgotten = false;
  };

  static ShownReplica show(const ReplicaId& id, const Replica& replica) {
    const T& one = *replica.serving;
    ShownReplica shown;
    shown.app = replica.app;
    shown.report = {id,         one.order.generation, replica.forgotten ? ReplicaPhase::stopping : one.phase,
                    one.detail, one.restarts,         0};
    if (one.phase == ReplicaPhase::ready) shown.endpoint = one.endpoint;
    if (replica.coming) {
      const T& next = *replica.coming;
      shown.report.detail = "generation " + std::to_string(next.order.generation) + ": " + to_name(next.phase) +
                            (next.detail.empty() ? "" : ", " + next.detail);
      shown.report.restarts = next.restarts;
      shown.report.coming = next.order.generation;
    }
    return shown;
  }

  std::map<ReplicaId, Replica> replicas_;
};

}  // namespace barrio::decide
