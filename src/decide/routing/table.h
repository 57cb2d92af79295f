#pragma once
// What routing knows from a snapshot: per app, where it may run and where it is ready. Immutable; rebuilt per snapshot.
// Sites and apps are addressed by index; an index is valid for the table that gave it.

#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "decide/routing/site_set.h"
#include "model/snapshot.h"

namespace barrio::decide {

struct AppRoute {
  SiteSet permitted;  // by policy, on sites that serve (active or draining)
  SiteSet ready;      // sites with a ready replica, as control last knew
  Duration objective{};
  double percentile = 99;
  const App* app = nullptr;  // in the snapshot that the table keeps
};

class RoutingTable {
 public:
  explicit RoutingTable(std::shared_ptr<const Snapshot> snapshot);

  const Snapshot& snapshot() const { return *snapshot_; }
  size_t site_count() const { return snapshot_->network.sites.size(); }
  size_t app_count() const { return apps_.size(); }
  const Site& site(size_t index) const { return snapshot_->network.sites[index]; }
  const AppRoute& app(size_t index) const { return apps_[index]; }
  /// They serve, but only what no other site can.
  SiteSet draining() const { return draining_; }
  std::optional<size_t> site_index(const SiteId& id) const;
  /// Of an app of snapshot() itself.
  size_t app_index(const App& app) const { return static_cast<size_t>(&app - snapshot_->apps.data()); }
  /// Does not allocate.
  std::optional<size_t> app_index(std::string_view tenant, std::string_view name) const;
  /// From the path model.
  Duration prior_rtt(size_t a, size_t b) const;

 private:
  static uint64_t key(std::string_view tenant, std::string_view name);
  void add_apps();
  void add_replicas();

  std::shared_ptr<const Snapshot> snapshot_;
  SiteSet draining_;
  std::vector<AppRoute> apps_;  // in the snapshot's order
  std::unordered_multimap<uint64_t, uint32_t> app_by_key_;
  std::unordered_map<SiteId, size_t> site_by_id_;
};

}  // namespace barrio::decide
