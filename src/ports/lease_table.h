#pragma once
// The leases of a store that runs in one process: which keys end when. The store writes and removes the keys.

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "ports/state_store.h"

namespace barrio::ports {

class LeaseTable {
 public:
  Lease add(const std::string& key, Revision revision, Duration ttl, Time now) {
    held_[key] = {revision, ++last_id_, ttl, now + ttl};
    return {key, revision, last_id_};
  }
  /// False: it has ended.
  bool keep(const Lease& lease, Time now) {
    auto found = held_.find(lease.key);
    if (found == held_.end() || found->second.id != lease.id) return false;
    found->second.until = now + found->second.ttl;
    return true;
  }
  bool holds(const Lease& lease) const {
    auto found = held_.find(lease.key);
    return found != held_.end() && found->second.id == lease.id;
  }
  /// Somebody wrote the key: it is a lease no more.
  void forget(const std::string& key) { held_.erase(key); }
  /// Keys whose time is over, each at the revision of its hold; they stay until forgotten.
  std::vector<Guard> ended(Time now) const {
    std::vector<Guard> keys;
    for (const auto& [key, held] : held_) {
      if (now >= held.until) keys.push_back({key, held.revision});
    }
    return keys;
  }
  /// When the next one ends; Time::max(): none.
  Time next() const {
    Time first = Time::max();
    for (const auto& [key, held] : held_) first = std::min(first, held.until);
    return first;
  }

 private:
  struct Held {
    Revision revision = 0;
    int64_t id = 0;
    Duration ttl{};
    Time until{};
  };
  std::map<std::string, Held> held_;
  int64_t last_id_ = 0;
};

}  // namespace barrio::ports
