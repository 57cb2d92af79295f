#include "decide/routing/table.h"

#include "base/check.h"
#include "base/rng.h"
#include "decide/latency/path.h"
#include "decide/residency/residency.h"

namespace barrio::decide {

RoutingTable::RoutingTable(std::shared_ptr<const Snapshot> snapshot) : snapshot_(std::move(snapshot)) {
  CHECK(site_count() <= max_sites);
  for (size_t i = 0; i < site_count(); ++i) {
    site_by_id_.emplace(site(i).id, i);
    if (site(i).status == SiteStatus::draining) draining_.add(i);
  }
  add_apps();
  add_replicas();
}

void RoutingTable::add_apps() {
  apps_.reserve(snapshot_->apps.size());
  for (const App& app : snapshot_->apps) {
    AppRoute route{.permitted = {},
                   .ready = {},
                   .objective = app.spec.objective.latency,
                   .percentile = app.spec.objective.percentile,
                   .app = &app};
    for (size_t i = 0; i < site_count(); ++i) {
      const bool serves = site(i).status == SiteStatus::active || site(i).status == SiteStatus::draining;
      if (serves && is_permitted(app.spec.policy, site(i))) route.permitted.add(i);
    }
    app_by_key_.emplace(key(app.tenant.str(), app.spec.name.str()), static_cast<uint32_t>(apps_.size()));
    apps_.push_back(route);
  }
}

void RoutingTable::add_replicas() {
  for (const Replica& replica : snapshot_->replicas) {
    const auto app = app_index(replica.app.tenant.str(), replica.app.name.str());
    const auto site = site_index(replica.site);
    if (app && site && replica.phase == ReplicaPhase::ready) apps_[*app].ready.add(*site);
  }
}

std::optional<size_t> RoutingTable::site_index(const SiteId& id) const {
  const auto found = site_by_id_.find(id);
  return found == site_by_id_.end() ? std::nullopt : std::optional(found->second);
}

uint64_t RoutingTable::key(std::string_view tenant, std::string_view name) {
  return mix(std::hash<std::string_view>()(tenant), std::hash<std::string_view>()(name));
}

std::optional<size_t> RoutingTable::app_index(std::string_view tenant, std::string_view name) const {
  auto [from, to] = app_by_key_.equal_range(key(tenant, name));
  for (; from != to; ++from) {
    const App& app = *apps_[from->second].app;
    if (app.tenant.str() == tenant && app.spec.name.str() == name) return from->second;
  }
  return std::nullopt;
}

Duration RoutingTable::prior_rtt(size_t a, size_t b) const {
  return path_rtt(snapshot_->network.paths, site(a).location, site(b).location);
}

}  // namespace barrio::decide
