#pragma once
// A small Spain for the tests of routing: sites on a line, one app permitted and ready everywhere unless said
// otherwise.

#include "decide/routing/choose.h"

namespace barrio::decide::test {

inline constexpr Time start{1000s};

inline Site site_at(const std::string& id, double lon, const std::string& jurisdiction = "ES-MD") {
  Site site;
  site.id = SiteId::of(id);
  site.city = id;
  site.owner = OperatorId::of("operator");
  site.jurisdiction = *Jurisdiction::parse(jurisdiction);
  site.location = {40, lon};
  site.status = SiteStatus::active;
  return site;
}

inline App app_named(const std::string& name, const std::string& permits = "ES") {
  App app;
  app.tenant = TenantId::of("acme");
  app.spec.name = AppName::of(name);
  app.spec.objective = {.latency = 200ms, .percentile = 99};
  app.spec.policy.jurisdictions = {*Jurisdiction::parse(permits)};
  return app;
}

inline std::shared_ptr<Snapshot> snapshot_of(std::vector<Site> sites, std::vector<App> apps) {
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->version = 1;
  snapshot->network.operators = {{OperatorId::of("operator"), "Operator", *Jurisdiction::parse("ES")}};
  snapshot->network.paths = {
      .fibre_per_km = 4900ns, .stretch = 1.5, .access_fibre = 2ms, .access_5g = 10ms, .assumptions = {}};
  snapshot->network.sites = std::move(sites);
  snapshot->apps = std::move(apps);
  for (const App& app : snapshot->apps) {
    for (const Site& site : snapshot->network.sites) {
      snapshot->replicas.push_back({replica_id(app.key(), site.id, 0), app.key(), site.id, ReplicaPhase::ready});
    }
  }
  return snapshot;
}

inline ReportedLoad load_of(Duration mean, double waiting = 0) {
  return {.ready = true, .waiting = waiting, .mean = mean, .p99 = mean * 2, .samples = 1000};
}

}  // namespace barrio::decide::test
