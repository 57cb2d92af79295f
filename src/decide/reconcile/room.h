#pragma once
// What a site has and what runs there, so that it never starts more than it has: control counts on what it ordered, and
// a site that was away may still run what control has given to others since.

#include <map>

#include "model/app.h"
#include "model/ids.h"
#include "model/network.h"

namespace barrio::decide {

/// Of the site as a whole; in which rack a replica stands only placement knows. An accelerator that is given out in
/// slices counts by the slots of its memory.
class SiteRoom {
 public:
  explicit SiteRoom(const Site& site);
  /// It runs, or may: beside what else was said of this replica, of which each resource counts at its largest.
  void take(const ReplicaId& id, const Resources& resources);
  void free(const ReplicaId& id) { taken_.erase(id); }
  bool has(const ReplicaId& id) const { return taken_.contains(id); }
  /// Whether the site is not asked for more than it has, or than it gives already, when this replica takes so much.
  bool admits(const ReplicaId& id, const Resources& resources) const;

 private:
  using Amounts = std::map<std::string, int64_t>;  // by resource; of accelerators by model, in slots
  Amounts amounts(const Resources& resources) const;
  static void raise(Amounts& amounts, const Amounts& to);

  Amounts has_;
  std::map<std::string, Bytes> sliced_;  // models of accelerators, with the memory of one
  std::map<ReplicaId, Amounts> taken_;
};

}  // namespace barrio::decide
