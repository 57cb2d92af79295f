// Control's answers to those who look.

#include <algorithm>

#include "control/control.h"
#include "decide/residency/residency.h"

namespace barrio::control {

namespace {

std::string objective_text(const Objective& objective) {
  std::string percentile = std::to_string(objective.percentile);
  percentile.erase(percentile.find_last_not_of('0') + 1);
  if (percentile.back() == '.') percentile.pop_back();
  return to_string(objective.latency) + " at p" + percentile;
}

/// What is below the site's own power, with nothing used yet.
void add_power_tree(const Site& site, api::SiteView& view) {
  for (const Feeder& feeder : site.feeders.value_or(std::vector<Feeder>()))
    view.feeders.push_back({feeder.name, "", feeder.power.usable(), {}});
  for (const Rack& rack : site.racks.value_or(std::vector<Rack>()))
    view.racks.push_back({rack.name, rack.feeder, rack.power.usable(), {}});
}

/// At each node above a replica, as placement counts it.
void use_power(api::SiteView& view, const std::string& in_rack, Watts power) {
  const auto rack = std::ranges::find(view.racks, in_rack, &api::PowerNodeView::name);
  if (rack == view.racks.end()) return;
  rack->used += power;
  const auto feeder = std::ranges::find(view.feeders, rack->feeder, &api::PowerNodeView::name);
  if (feeder != view.feeders.end()) feeder->used += power;
}

}  // namespace

Result<const App*> Control::known_app(const AppKey& key) const {
  const App* app = find_app(key);
  if (app != nullptr) return app;
  std::string mine;
  for (const App& other : desired_.apps) {
    if (other.tenant == key.tenant) mine += (mine.empty() ? "" : ", ") + other.spec.name.str();
  }
  return fail(Code::not_found,
              "there is no app '" + key.name.str() + "' of tenant " + key.tenant.str() +
                  (mine.empty() ? "; it has none" : "; it has: " + mine),
              "app");
}

std::vector<api::DecisionView> Control::decisions(const decide::AppPlacement& placement) const {
  std::vector<api::DecisionView> views;
  for (const decide::SiteDecision& decision : placement.decisions) {
    api::DecisionView view;
    view.site = decision.site;
    const Site* site = desired_.network.find(decision.site);
    if (site != nullptr) view.city = site->city;
    view.placed = decision.placed;
    view.detail = decision.detail;
    view.network_ms = decision.network_ms;
    if (!decision.placed) {
      view.reason = to_name(decision.refusal.reason);
      view.nearest = decision.refusal.nearest;
      if (view.detail.empty()) view.detail = decision.refusal.detail;
    }
    if (decision.placed) {
      for (const decide::PlacedReplica& wanted : placement.replicas) {
        const auto waits = wanted.site == decision.site ? waiting_.find(wanted.id) : waiting_.end();
        if (waits != waiting_.end()) view.detail += "; its replica " + waits->second;
      }
    }
    for (const Replica& replica : desired_.replicas) {
      if (replica.app != placement.app || replica.site != decision.site) continue;
      view.phase = to_name(replica.phase);
      if (const ReplicaReport* report = observed_.replica(replica)) {
        view.generation = report->generation;
        if (!report->detail.empty()) view.detail += "; " + report->detail;
      }
      if (const std::string leaving = leave_text(replica); !leaving.empty()) view.detail += "; its replica " + leaving;
    }
    views.push_back(std::move(view));
  }
  return views;
}

api::AppAnswer Control::answer(const App& app) const {
  api::AppAnswer answer{app, {}};
  auto placement = placements_.find(app.key());
  if (placement == placements_.end()) return answer;
  answer.placement.decisions = decisions(placement->second);
  answer.placement.refusal = placement->second.refusal;
  answer.placement.missing = placement->second.missing;
  return answer;
}

Result<api::AppAnswer> Control::app(const AppKey& key) const {
  TRY(const App* app, known_app(key));
  return answer(*app);
}

std::vector<api::AppAnswer> Control::apps(const TenantId& tenant) const {
  std::vector<api::AppAnswer> answers;
  for (const App& app : desired_.apps) {
    if (tenant.empty() || app.tenant == tenant) answers.push_back(answer(app));
  }
  return answers;
}

Result<api::ExplainView> Control::explain(const AppKey& key) const {
  TRY(const App* app, known_app(key));
  const Release* release = release_of(key, app->generation);
  api::PlacementView placement = answer(*app).placement;
  return api::ExplainView{
      key.str(),
      decide::describe(app->spec.policy),
      objective_text(app->spec.objective),
      release == nullptr
          ? api::ReleaseView{.generation = app->generation, .runs = "", .state = "done", .detail = "", .at = {}}
          : release_view(*release),
      std::move(placement.decisions),
      demand_text(*app),
      std::move(placement.missing)};
}

Watts Control::power_used(const SiteId& site) const {
  Watts used;
  for (const Replica& replica : desired_.replicas) {
    const App* app = replica.site == site ? find_app(replica.app) : nullptr;
    if (app != nullptr) used += app->spec.resources.power;
  }
  return used;
}

api::SiteView Control::site_view(const Site& site, const TenantId& viewer) const {
  api::SiteView view;
  view.id = site.id;
  view.city = site.city;
  view.owner = site.owner;
  view.jurisdiction = site.jurisdiction;
  view.location = site.location;
  view.status = site.status;
  view.connected = observed_.connected(site.id, runtime_.now());
  view.power = {site.power.budget,   site.power.pue, site.power.it_budget(),
                power_used(site.id), site.power.cap, site.power.redundancy};
  add_power_tree(site, view);
  for (const Replica& replica : desired_.replicas) {
    const App* app = replica.site == site.id && replica.seat ? find_app(replica.app) : nullptr;
    if (app != nullptr) use_power(view, replica.seat->rack, app->spec.resources.power);
  }
  view.accelerators = site.accelerators;
  view.servers = site.servers;
  view.assumptions = site.assumptions;
  auto gateway = desired_.gateways.find(site.id.str());
  if (gateway != desired_.gateways.end()) view.gateway = gateway->second;
  for (const Replica& replica : desired_.replicas) {
    if (replica.site != site.id || (!viewer.empty() && replica.app.tenant != viewer)) continue;
    const ReplicaReport* report = observed_.replica(replica);
    std::string detail = leave_text(replica);
    if (detail.empty() && report != nullptr) detail = report->detail;
    view.replicas.push_back({replica.id.str(), replica.app.str(), to_name(replica.phase), std::move(detail),
                             report == nullptr ? 0 : report->restarts});
  }
  view.buckets = std::ranges::count_if(desired_.buckets, [&](const Bucket& bucket) {
    return bucket.is_member(site.id) && (viewer.empty() || bucket.tenant == viewer);
  });
  return view;
}

std::vector<api::SiteView> Control::sites(const TenantId& viewer) const {
  std::vector<api::SiteView> views;
  for (const Site& site : desired_.network.sites) views.push_back(site_view(site, viewer));
  return views;
}

Result<api::SiteView> Control::site(const SiteId& id, const TenantId& viewer) const {
  const Site* site = desired_.network.find(id);
  if (site == nullptr) return fail(Code::not_found, "there is no site '" + id.str() + "'", "site");
  return site_view(*site, viewer);
}

api::LiveView Control::live(const TenantId& viewer) const {
  api::LiveView view;
  view.time = runtime_.wall();
  view.snapshot_version = given_ ? given_->snapshot.version : 0;
  for (const Site& site : desired_.network.sites) {
    api::LiveSite live{site.id, site.city, site.location.lat, site.location.lon, site.status};
    live.connected = observed_.connected(site.id, runtime_.now());
    live.power_budget_w = site.power.it_budget().count();
    live.power_used_w = power_used(site.id).count();
    for (const Replica& replica : desired_.replicas) {
      if (replica.site != site.id) continue;
      ++live.replicas;
      live.replicas_ready += replica.phase == ReplicaPhase::ready && live.connected ? 1 : 0;
    }
    const Observation* seen = live.connected ? observed_.of(site.id) : nullptr;
    live.in_flight = seen == nullptr ? 0 : seen->report.in_flight;
    view.sites.push_back(std::move(live));
    if (seen == nullptr) continue;  // what a lost site saw last is history
    for (const Flow& flow : seen->report.flows) {
      if (viewer.empty() || flow.app.tenant == viewer) view.flows.push_back({site.id, flow});
    }
  }
  view.apps = live_apps(viewer);
  return view;
}

std::vector<api::LiveApp> Control::live_apps(const TenantId& viewer) const {
  std::map<AppKey, api::LiveApp> by_key;
  for (const App& app : desired_.apps) {
    if (!viewer.empty() && app.tenant != viewer) continue;
    const Objective& objective = app.spec.objective;
    api::LiveApp& live = by_key[app.key()];
    live.app = app.key();
    live.objective_ms = to_ms(objective.latency);
    live.objective_percentile = objective.percentile;
    const auto placement = placements_.find(app.key());
    if (sleeps(app) || placement == placements_.end()) continue;
    live.replicas = std::max(std::ssize(placement->second.replicas), std::ptrdiff_t{app.spec.replicas.value_or(1)});
    live.refusal = placement->second.refusal;
  }
  for (const Replica& replica : desired_.replicas) {
    const auto found = by_key.find(replica.app);
    if (found == by_key.end()) continue;
    found->second.sites.push_back(replica.site);
    const bool connected = observed_.connected(replica.site, runtime_.now());
    found->second.replicas_ready += replica.phase == ReplicaPhase::ready && connected ? 1 : 0;
  }
  std::vector<api::LiveApp> apps;
  for (auto& [key, app] : by_key) apps.push_back(std::move(app));
  return apps;
}

Result<std::vector<api::TenantView>> Control::tenants() {
  TRY(auto names, accounts_.tenants());
  std::vector<api::TenantView> views;
  for (const TenantId& name : names) views.push_back(tenant_view(name));
  return views;
}

Result<api::TenantView> Control::tenant(const TenantId& name) const {
  TRY_DO(known_tenant(name));
  return tenant_view(name);
}

TenantQuota Control::quota_of(const TenantId& tenant) const {
  const auto quota = desired_.quotas.find(tenant.str());
  return quota == desired_.quotas.end() ? TenantQuota() : quota->second;
}

api::TenantView Control::tenant_view(const TenantId& name) const {
  return {name, std::ranges::count(desired_.apps, name, &App::tenant), quota_of(name), spending(name)};
}

}  // namespace barrio::control
