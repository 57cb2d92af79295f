// What must hold for every network, every set of apps and whatever was placed before.

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <set>

#include "decide/placement/placement.h"
#include "decide/residency/residency.h"

namespace barrio::decide::placement_property_test {

namespace {

struct World {
  Network network;
  std::vector<App> apps;
  std::vector<PlacedReplica> present;
};

const std::vector<std::string> regions = {"ES-MD", "ES-CT", "ES-PV", "FR-IDF"};

LatLon any_location() {
  return {*rc::gen::inRange(36, 49) * 1.0, *rc::gen::inRange(-9, 8) * 1.0};
}

Site any_site(int n) {
  Site site;
  site.id = SiteId::of("s" + std::to_string(n));
  site.city = "city" + std::to_string(n);
  site.owner = OperatorId::of(*rc::gen::element<std::string>("telefonica", "orange"));
  site.jurisdiction = *Jurisdiction::parse(*rc::gen::elementOf(regions));
  site.location = any_location();
  site.status = *rc::gen::weightedElement<SiteStatus>(
      {{1, SiteStatus::planned}, {6, SiteStatus::active}, {1, SiteStatus::draining}});
  site.power = {Watts(*rc::gen::inRange(0, 1500)), 1 + *rc::gen::inRange(0, 10) / 10.0};
  site.servers = {*rc::gen::inRange(0, 12), gib(*rc::gen::inRange(0, 32)), gib(1)};
  site.accelerators = {{"L4", *rc::gen::inRange(0, 4), Watts(72), gib(24)},
                       {"L4", *rc::gen::inRange(0, 2), Watts(72), gib(24)}};
  return site;
}

App any_app(int n) {
  App app;
  app.tenant = TenantId::of("t" + std::to_string(*rc::gen::inRange(0, 3)));
  app.spec.name = AppName::of("app" + std::to_string(n));
  app.spec.objective = {*rc::gen::inRange(1, 40) * 1ms, 99};
  app.spec.policy.jurisdictions = {*Jurisdiction::parse(*rc::gen::element<std::string>("ES", "ES-PV", "FR", "DE"))};
  if (*rc::gen::inRange(0, 4) == 0) app.spec.policy.operators = {OperatorId::of("telefonica")};
  app.spec.resources = {Watts(*rc::gen::inRange(1, 300)), gib(*rc::gen::inRange(1, 9)), *rc::gen::inRange(1, 40) / 10.0,
                        "", 0};
  if (*rc::gen::inRange(0, 3) == 0)
    app.spec.resources.accelerator = "L4", app.spec.resources.accelerators = *rc::gen::inRange(1, 3);
  if (*rc::gen::inRange(0, 2) == 0) app.spec.replicas = *rc::gen::inRange(1, 5);
  for (int i = *rc::gen::inRange(0, 3); i > 0; --i) {
    app.spec.demand.push_back({"d" + std::to_string(i), any_location(), *rc::gen::inRange(1, 5) * 1.0});
  }
  return app;
}

std::vector<PlacedReplica> flatten(const std::vector<AppPlacement>& placements) {
  std::vector<PlacedReplica> all;
  for (const AppPlacement& placement : placements) {
    all.insert(all.end(), placement.replicas.begin(), placement.replicas.end());
  }
  return all;
}

/// `present` is anything: replicas that no longer fit, of apps that are gone, on sites that never were.
World any_world() {
  World world;
  world.network.paths = {4900ns, 1.6, 2ms, 20ms, {}};
  const int sites = *rc::gen::inRange(1, 9);
  for (int i = 0; i < sites; ++i) world.network.sites.push_back(any_site(i));
  const int apps = *rc::gen::inRange(0, 8);
  for (int i = 0; i < apps; ++i) world.apps.push_back(any_app(i));
  for (int i = *rc::gen::inRange(0, 10); i > 0; --i) {
    const AppKey app = any_app(*rc::gen::inRange(0, 9)).key();
    const SiteId site = SiteId::of("s" + std::to_string(*rc::gen::inRange(0, 10)));
    world.present.push_back({replica_id(app, site, 0), app, site});
  }
  return world;
}

const App& app_of(const World& world, const AppKey& key) {
  return *std::find_if(world.apps.begin(), world.apps.end(), [&](const App& app) { return app.key() == key; });
}

struct Used {
  Watts power;
  Bytes memory;
  double cores = 0;
  int accelerators = 0;
};

Used used_at(const World& world, const std::vector<PlacedReplica>& replicas, const SiteId& site) {
  Used used;
  for (const PlacedReplica& replica : replicas) {
    if (replica.site != site) continue;
    const Resources& need = app_of(world, replica.app).spec.resources;
    used.power += need.power;
    used.memory += need.memory;
    used.cores += need.cores;
    used.accelerators += need.accelerators;
  }
  return used;
}

bool holds_all(const std::vector<PlacedReplica>& all, const std::vector<PlacedReplica>& part) {
  return std::all_of(part.begin(), part.end(), [&](const PlacedReplica& replica) {
    return std::find(all.begin(), all.end(), replica) != all.end();
  });
}

void grow(Network& network) {
  for (Site& site : network.sites) {
    site.power.budget += Watts(*rc::gen::inRange(0, 1000));
    site.servers.cores += *rc::gen::inRange(0, 8);
    site.servers.memory += gib(*rc::gen::inRange(0, 8));
  }
}

}  // namespace

TEST_CASE("no site's IT power, memory, cores or accelerators are ever exceeded") {
  CHECK(rc::check([] {
    const World world = any_world();
    const auto replicas = flatten(place(world.network, world.apps, world.present));
    for (const Site& site : world.network.sites) {
      const Used used = used_at(world, replicas, site.id);
      RC_ASSERT(used.power <= site.power.it_budget());
      RC_ASSERT(used.memory <= site.servers.memory);
      RC_ASSERT(used.cores <= site.servers.cores + 1e-6);
      RC_ASSERT(used.accelerators <= site.accelerators[0].count + site.accelerators[1].count);
    }
  }));
}

TEST_CASE(
    "no replica stands where its policy forbids, on a site that is not active, twice, or beyond the number asked") {
  CHECK(rc::check([] {
    const World world = any_world();
    for (const AppPlacement& placement : place(world.network, world.apps, world.present)) {
      const AppSpec& spec = app_of(world, placement.app).spec;
      std::set<SiteId> seen;
      for (const PlacedReplica& replica : placement.replicas) {
        const Site* site = world.network.find(replica.site);
        RC_ASSERT(site != nullptr);
        RC_ASSERT(site->status == SiteStatus::active);
        RC_ASSERT(permits(spec.policy, *site).permitted);
        RC_ASSERT(seen.insert(replica.site).second);
      }
      RC_ASSERT(!spec.replicas || placement.replicas.size() <= static_cast<size_t>(*spec.replicas));
    }
  }));
}

TEST_CASE(
    "every site gets a decision with a sentence, every refusal a way out, and an app is refused if and only if nothing "
    "was placed") {
  CHECK(rc::check([] {
    const World world = any_world();
    const auto placements = place(world.network, world.apps, world.present);
    RC_ASSERT(placements.size() == world.apps.size());
    for (const AppPlacement& placement : placements) {
      RC_ASSERT(placement.refusal.has_value() == placement.replicas.empty());
      RC_ASSERT(!placement.refusal || !placement.refusal->nearest.empty());
      RC_ASSERT(placement.decisions.size() == world.network.sites.size());
      size_t placed = 0;
      for (const SiteDecision& decision : placement.decisions) {
        RC_ASSERT(!decision.detail.empty());
        RC_ASSERT(decision.placed || !decision.refusal.nearest.empty());
        placed += decision.placed ? 1 : 0;
      }
      RC_ASSERT(placed == placement.replicas.size());
    }
  }));
}

TEST_CASE("the order in which apps and replicas are handed in changes nothing") {
  CHECK(rc::check([] {
    World world = any_world();
    const auto before = flatten(place(world.network, world.apps, world.present));
    std::reverse(world.apps.begin(), world.apps.end());
    std::reverse(world.present.begin(), world.present.end());
    RC_ASSERT(flatten(place(world.network, world.apps, world.present)) == before);
  }));
}

TEST_CASE("placing again with the result present changes nothing") {
  CHECK(rc::check([] {
    const World world = any_world();
    const auto once = flatten(place(world.network, world.apps, world.present));
    RC_ASSERT(flatten(place(world.network, world.apps, once)) == once);
  }));
}

TEST_CASE("more power, cores and memory never take away what is placed") {
  CHECK(rc::check([] {
    World world = any_world();
    const auto before = flatten(place(world.network, world.apps, world.present));
    grow(world.network);
    RC_ASSERT(holds_all(flatten(place(world.network, world.apps, before)), before));
  }));
}

TEST_CASE("more power, cores and memory never make a lone app refused") {
  CHECK(rc::check([] {
    World world = any_world();
    world.apps = {any_app(0)};
    const bool placed_before = !place(world.network, world.apps, {}).front().refusal;
    grow(world.network);
    RC_ASSERT(!placed_before || !place(world.network, world.apps, {}).front().refusal);
  }));
}

}  // namespace barrio::decide::placement_property_test
