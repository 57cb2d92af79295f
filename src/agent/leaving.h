#pragma once
// Replicas on their way out of a draining site. Each first waits until other sites have served its app for a while, so
// that every gateway knows; is then withdrawn from this site's gateway; and may end once its last request is answered,
// or its time is over. If other sites stop serving the app meanwhile, it is back. Pure: the agent tells what it sees.

#include <map>
#include <span>

#include "model/snapshot.h"

namespace barrio::agent {

/// What stands against ending a replica.
struct LeaveState {
  size_t in_flight = 0;   // requests it has not answered
  bool elsewhere = true;  // another site serves its app
};

/// Gateways ask each other every second, and a slow answer is waited for one more.
inline constexpr Duration known_by_all = 3s;

class Leaving {
 public:
  /// Each time the agent looks, with the state of each order that is to leave.
  template <class StateOf>
  void look(std::span<const ReplicaOrder> orders, StateOf&& state_of, Time now) {
    std::map<ReplicaId, Entry> next;
    for (const ReplicaOrder& order : orders) {
      if (!order.leave_within) continue;
      const auto known = entries_.find(order.id);
      Entry entry = known == entries_.end() ? Entry{} : known->second;
      advance(entry, *order.leave_within, state_of(order), now);
      next.emplace(order.id, entry);
    }
    entries_ = std::move(next);
  }

  /// The gateway must not send it anything new.
  bool withdrawn(const ReplicaId& id) const;
  bool may_stop(const ReplicaId& id) const;

 private:
  struct Entry {
    bool elsewhere = false;
    Time elsewhere_since{};
    bool withdrawn = false;
    Time withdrawn_at{};
    bool may_stop = false;
  };
  static void advance(Entry& entry, Duration grace, const LeaveState& state, Time now);
  std::map<ReplicaId, Entry> entries_;
};

}  // namespace barrio::agent
