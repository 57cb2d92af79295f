#pragma once
// What a site has and what runs there, so that it never starts more than it has: control counts on what it ordered, and
// a site that was away may still run what control has given to others since.

#include <map>

#include "model/app.h"
#include "model/ids.h"
#include "model/network.h"

namespace barrio::decide {

/// Of the site, its feeders and its racks. In which rack a replica stands, the snapshot says (Seat); where it does not,
/// the replica counts at the site alone. An accelerator that is given out in slices counts by the slots of its memory.
class SiteRoom {
 public:
  explicit SiteRoom(const Site& site);
  /// It runs, or may: beside what else was said of this replica, of which each resource counts at its largest.
  void take(const ReplicaId& id, const Resources& resources, const std::string& rack = {});
  void free(const ReplicaId& id) { taken_.erase(id); }
  bool has(const ReplicaId& id) const { return taken_.contains(id); }
  /// Whether none of them is asked for more than it has, or than it gives already, when this replica takes so much.
  bool admits(const ReplicaId& id, const Resources& resources, const std::string& rack = {}) const;

 private:
  /// By resource, also of each rack and feeder; of accelerators by model, in slots.
  using Amounts = std::map<std::string, int64_t>;
  void add(const Servers& servers, const std::vector<Accelerator>& accelerators, Watts watts, const std::string& of);
  Amounts amounts(const Resources& resources, const std::string& rack) const;
  static void raise(Amounts& amounts, const Amounts& to);

  Amounts has_;
  std::map<std::string, Bytes> sliced_;         // models of accelerators, with the memory of one
  std::map<std::string, std::string> feeders_;  // by rack; empty: the site itself
  std::map<ReplicaId, Amounts> taken_;
};

}  // namespace barrio::decide
