#include "control/event_log.h"

#include <algorithm>
#include <utility>

#include "decide/pricing/spending.h"

namespace barrio::control {

void EventLog::note(std::string kind, std::string what, const TenantId& tenant, std::string detail, bool is_total) {
  const WallTime now = runtime_.wall();
  last_ = std::max<int64_t>(last_ + 1, now.time_since_epoch().count());
  events_.push_back({last_, now, std::move(kind), std::move(what), tenant.str(), std::move(detail), is_total});
  if (events_.size() > most_events) {
    forgotten_ = events_.front().id;
    events_.pop_front();
  }
  noted_->notify();
}

void EventLog::compare(const Desired& before, const Desired& after) {
  compare_sites(before.network, after.network);
  compare_apps(before, after);
  compare_releases(before, after);
  compare_config(before, after);
  compare_replicas(before, after);
  compare_spending(before, after);
}

void EventLog::compare_sites(const Network& before, const Network& after) {
  for (const Site& site : after.sites) {
    const Site* known = before.find(site.id);
    if (known != nullptr && known->status == site.status) continue;
    note(known == nullptr ? "site.added" : "site.status", site.id.str(), {}, to_name(site.status));
  }
}

void EventLog::compare_apps(const Desired& before, const Desired& after) {
  std::map<AppKey, int64_t> known;
  for (const App& app : before.apps) known.emplace(app.key(), app.generation);
  for (const App& app : after.apps) {
    const auto found = known.find(app.key());
    const bool same = found != known.end() && found->second == app.generation;
    if (!same) note("app.deployed", app.key().str(), app.tenant, "generation " + std::to_string(app.generation));
    if (found != known.end()) known.erase(found);
  }
  for (const auto& [app, generation] : known) note("app.deleted", app.str(), app.tenant);
}

void EventLog::compare_replicas(const Desired& before, const Desired& after) {
  std::map<ReplicaId, const Replica*> known;
  for (const Replica& replica : before.replicas) known.emplace(replica.id, &replica);
  for (const Replica& replica : after.replicas) {
    const auto old = known.extract(replica.id);
    if (!old.empty() && old.mapped()->phase == replica.phase) continue;
    note(std::string("replica.") + to_name(replica.phase), replica.id.str(), replica.app.tenant,
         "at " + replica.site.str());
  }
  for (const auto& [id, replica] : known)
    note("replica.removed", id.str(), replica->app.tenant, "at " + replica->site.str());
}

/// How they end; that they begin is told as deployed.
void EventLog::compare_releases(const Desired& before, const Desired& after) {
  for (const auto& [app, releases] : after.releases) {
    const auto known = before.releases.find(app);
    if (known == before.releases.end()) continue;
    for (const Release& release : releases) {
      const auto old = std::ranges::find(known->second, release.generation, &Release::generation);
      if (old == known->second.end() || old->state == release.state) continue;
      note(std::string("release.") + to_name(release.state), app.str(), app.tenant,
           "generation " + std::to_string(release.generation) + (release.detail.empty() ? "" : ": " + release.detail));
    }
  }
}

void EventLog::compare_config(const Desired& before, const Desired& after) {
  for (const auto& [what, change] : after.staged) {
    const TenantId tenant = tenant_of_settings(what);
    const auto old = before.staged.find(what);
    const bool failed = change.stage == decide::Stage::failed;
    if (failed && (old == before.staged.end() || old->second.stage != change.stage)) {
      note("config.failed", what, tenant, change.reason);
    } else if (!failed && change.reached.empty()) {
      if (old == before.staged.end() || old->second.at != change.at || old->second.stage != change.stage)
        note("config.changed", what, tenant);
    } else if (!failed && (old == before.staged.end() || old->second.reached.size() != change.reached.size())) {
      const std::string first = change.reached.size() == 1 ? change.reached.front().str() : "";
      note("config.stage", what, tenant,
           "at " + (first.empty() ? std::to_string(change.reached.size()) + " sites" : first));
    }
  }
  for (const auto& [what, change] : before.staged) {
    if (after.staged.contains(what) || after.revision_of(what) == 0) continue;
    // Nothing of it is left to come where its document was written again: with the former figures, or lower ones.
    const bool withdrawn = after.revision_of(what) != before.revision_of(what);
    note(withdrawn ? "config.withdrawn" : "config.done", what, tenant_of_settings(what));
  }
}

/// Each mark once in a month, and again after the cap was raised.
void EventLog::compare_spending(const Desired& before, const Desired& after) {
  for (const auto& [tenant, cap] : after.spend_caps) {
    const auto old = before.spend_caps.find(tenant);
    const bool goes_on =
        old != before.spend_caps.end() && old->second.since == cap.since && old->second.month == cap.month;
    for (const int mark : decide::spend_marks) {
      if (mark > cap.told || (goes_on && mark <= old->second.told)) continue;
      note("spend." + std::to_string(mark), tenant.str(), tenant,
           cap.spent.str() + " of " + cap.cap.str() + " in " + to_string(cap.month).substr(0, 7));
    }
  }
}

void EventLog::connected(const std::set<SiteId>& sites) {
  if (connected_) {
    for (const SiteId& site : sites) {
      if (!connected_->contains(site)) note("site.connected", site.str(), {});
    }
    for (const SiteId& site : *connected_) {
      if (!sites.contains(site)) note("site.lost", site.str(), {});
    }
  }
  connected_ = sites;
}

void EventLog::lost(const std::set<SiteId>& sites, const std::function<std::string(const SiteId&)>& detail_of) {
  for (const SiteId& site : sites) {
    if (lost_.insert(site).second) note("failover.begun", site.str(), {}, detail_of(site), true);
  }
  std::erase_if(lost_, [&](const SiteId& site) {
    if (sites.contains(site)) return false;
    note("failover.over", site.str(), {});
    return true;
  });
}

void EventLog::withheld(bool now) {
  if (std::exchange(withheld_, now) == now) return;
  note(now ? "failover.withheld" : "failover.resumed", "control", {},
       now ? "most sites are silent: nothing is made elsewhere" : "");
}

EventLog::Some EventLog::after(int64_t after, const TenantId& viewer) const {
  Some some{.events = {}, .last = std::max(after, last_), .missed = after < forgotten_};
  for (const Event& event : events_) {
    const bool may_see = viewer.empty() || event.tenant.empty() || event.tenant == viewer.str();
    if (event.id <= after || !may_see) continue;
    some.events.push_back(event);
    if (event.is_total && !viewer.empty()) some.events.back().detail.clear();
  }
  return some;
}

void EventLog::wait(int64_t after, Time until) {
  if (last_ <= after && runtime_.now() < until) noted_->wait_until(until);
}

}  // namespace barrio::control
