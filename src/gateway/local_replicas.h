#pragma once
// The ready replicas of one app at this site: which one serves next, and which are left alone because they fail. One
// that fails fast has nothing in flight: so that this does not attract requests, failures in a row count as load, and
// three eject it (decide/routing/ejection.h), unless no other one is left. One that stops answering in time gets no
// more at a time than it can work off (decide/limits/concurrency_limit.h).

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "decide/limits/concurrency_limit.h"
#include "decide/routing/ejection.h"
#include "model/ids.h"

namespace barrio::gateway {

/// silent: no answer to this request in its time, nor to another for long. declined: it turned the request away itself.
enum class ReplicaOutcome { served, failed, silent, declined, unknown };

class LocalReplicas {
 public:
  struct Ready {
    ReplicaId id;
    std::string endpoint;
  };
  struct Picked {
    const ReplicaId& id;
    std::string_view endpoint;
    bool probe = false;  // to be told to over()
  };

  bool empty() const { return replicas_.empty(); }
  size_t size() const { return replicas_.size(); }
  /// Those that stay keep their requests and their failures.
  void adopt(std::vector<Ready> ready);
  /// Not `avoid` while there is another. There must be one. None: all that could be used have as much as they can work
  /// off. What it picks ends in over().
  std::optional<Picked> pick(const ReplicaId& avoid, Time now);
  /// One request of an app with this objective, sent at `sent`.
  struct Sent {
    const ReplicaId& id;
    bool probe = false;
    Time at{};
    Duration objective{};
  };
  void over(const Sent& sent, ReplicaOutcome outcome, Time now);
  /// Whether any but this one could serve now.
  bool usable_beside(const ReplicaId& id, Time now) const;
  size_t ejected() const;
  /// It has answered, whatever it said.
  void heard(const ReplicaId& id, Time now);
  /// It was asked so long ago, and has answered nothing since.
  bool silent_for(const ReplicaId& id, Duration time, Time now) const;

 private:
  struct Replica {
    ReplicaId id;
    std::string endpoint;
    uint32_t in_flight = 0;
    std::optional<Time> asked_at = {};  // first, since its last answer
    decide::Ejection ejection;
    decide::ConcurrencyLimit limit;
  };
  std::vector<Replica> replicas_;
};

}  // namespace barrio::gateway
