// What must hold for every network, every set of apps and whatever was placed before.

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>
#include <set>

#include "decide/placement/book.h"
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

std::optional<Watts> any_cap() {
  if (*rc::gen::inRange(0, 3) != 0) return std::nullopt;
  return Watts(*rc::gen::inRange(0, 800));
}

std::optional<Redundancy> any_redundancy() {
  if (*rc::gen::inRange(0, 3) != 0) return std::nullopt;
  return Redundancy{*rc::gen::inRange(2, 5), *rc::gen::inRange(0, 2)};
}

/// Into racks, some below a feeder, that have more in total than the site may draw.
void divide(Site& site) {
  site.feeders = {{"a", {Watts(*rc::gen::inRange(0, 900)), any_cap(), any_redundancy()}}};
  site.racks.emplace();
  site.power.cap = any_cap();
  site.power.redundancy = any_redundancy();
  for (int i = *rc::gen::inRange(1, 4); i > 0; --i) {
    Rack rack;
    rack.name = "r" + std::to_string(i);
    rack.feeder = *rc::gen::element<std::string>("", "a");
    rack.power = {Watts(*rc::gen::inRange(0, 600)), any_cap(), any_redundancy()};
    rack.servers = {*rc::gen::inRange(0, 8), gib(*rc::gen::inRange(0, 16)), gib(*rc::gen::inRange(0, 8))};
    rack.accelerators = {{"L4", *rc::gen::inRange(0, 3), Watts(72), gib(24)},
                         {"H100", *rc::gen::inRange(0, 3), Watts(700), gib(80), any_cap(), true}};
    site.racks->push_back(rack);
  }
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
  if (*rc::gen::inRange(0, 2) == 0) divide(site);
  if (*rc::gen::inRange(0, 3) == 0) site.failure_domain = "valley" + std::to_string(*rc::gen::inRange(0, 2));
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
  if (*rc::gen::inRange(0, 3) == 0) {
    app.spec.resources.power = Watts(*rc::gen::inRange(1, 900));
    app.spec.resources.accelerator = "H100";
    app.spec.resources.accelerators = *rc::gen::inRange(1, 3);
    app.spec.resources.accelerator_power = Watts(*rc::gen::inRange(1, 300));
    if (*rc::gen::inRange(0, 4) != 0) {
      app.spec.resources.slice = *rc::gen::element<std::string>("1g.10gb", "1g.20gb", "2g.20gb", "3g.40gb", "4g.40gb");
    }
  }
  if (*rc::gen::inRange(0, 3) == 0) app.spec.resources.storage = gib(*rc::gen::inRange(1, 4));
  if (*rc::gen::inRange(0, 3) == 0) app.spec.spread = Spread{*rc::gen::inRange(1, 3)};
  if (*rc::gen::inRange(0, 3) == 0) {
    app.spec.work = RequestWork{.device_time = *rc::gen::inRange(1, 20) * 1ms, .device_time_p99 = 30ms};
  }
  if (*rc::gen::inRange(0, 2) == 0) app.spec.replicas = *rc::gen::inRange(1, 5);
  for (int i = *rc::gen::inRange(0, 3); i > 0; --i) {
    app.spec.demand.push_back({"d" + std::to_string(i), any_location(), *rc::gen::inRange(1, 5) * 1.0});
    if (*rc::gen::inRange(0, 2) == 0) app.spec.demand.back().requests_per_second = *rc::gen::inRange(1, 200);
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
  int64_t power = 0;
  int64_t memory = 0;
  int64_t storage = 0;
  double cores = 0;
  int l4 = 0;
};

/// What the profiles of NVIDIA's table take of a device's eight slots, written down once more.
int slots_of(const std::optional<std::string>& slice) {
  if (!slice) return 8;
  return *slice == "1g.10gb" ? 1 : *slice == "1g.20gb" || *slice == "2g.20gb" ? 2 : 4;
}

bool may_start(const std::optional<std::string>& slice, int start) {
  if (!slice || *slice == "4g.40gb") return start == 0;
  if (*slice == "1g.10gb") return start >= 0 && start < 7;
  if (*slice == "1g.20gb") return start >= 0 && start < 8 && start % 2 == 0;
  if (*slice == "2g.20gb") return start == 0 || start == 2 || start == 4;
  return start == 0 || start == 4;
}

int64_t usable(int64_t nominal, const std::optional<Watts>& cap, const std::optional<Redundancy>& redundancy) {
  if (redundancy) nominal = nominal * (redundancy->units - redundancy->spare) / redundancy->units;
  return cap ? std::min(nominal, cap->count()) : nominal;
}

/// Adds up everything that stands somewhere, node by node of the tree, and compares.
class Checker {
 public:
  Checker(const World& world, const std::vector<PlacedReplica>& replicas) : world_(world) {
    for (const PlacedReplica& replica : replicas) note(replica);
  }

  void check() const {
    for (const Site& site : world_.network.sites) {
      const std::string id = site.id.str();
      const double it_power =
          static_cast<double>(usable(site.power.budget.count(), site.power.cap, site.power.redundancy)) /
          site.power.pue;
      RC_ASSERT(static_cast<double>(used(id).power) <= it_power);
      if (!site.racks) {
        check_room(used(id), site.servers, site.accelerators);
        continue;
      }
      for (const Feeder& feeder : *site.feeders) {
        RC_ASSERT(used(id + "/feeder/" + feeder.name).power <=
                  usable(feeder.power.nominal.count(), feeder.power.cap, feeder.power.redundancy));
      }
      for (const Rack& rack : *site.racks) {
        const Used in_rack = used(id + "/rack/" + rack.name);
        RC_ASSERT(in_rack.power <= usable(rack.power.nominal.count(), rack.power.cap, rack.power.redundancy));
        check_room(in_rack, rack.servers, rack.accelerators);
      }
    }
    for (const auto& [device, watts] : device_watts_) RC_ASSERT(watts <= device_most_.at(device));
  }

 private:
  void note(const PlacedReplica& replica) {
    const Site& site = *world_.network.find(replica.site);
    const Resources& need = app_of(world_, replica.app).spec.resources;
    std::vector<std::string> nodes = {site.id.str()};
    const std::string rack_name = replica.seat ? replica.seat->rack : "";
    RC_ASSERT(rack_name.empty() == !site.racks);
    if (site.racks) {
      const auto rack = std::ranges::find(*site.racks, rack_name, &Rack::name);
      RC_ASSERT(rack != site.racks->end());
      nodes.push_back(site.id.str() + "/rack/" + rack_name);
      if (!rack->feeder.empty()) nodes.push_back(site.id.str() + "/feeder/" + rack->feeder);
      if (need.accelerator == "H100") note_slices(replica, need, *rack);
      note_draw(need, *rack);
    }
    for (const std::string& node : nodes) {
      Used& used = used_[node];
      used.power += need.power.count();
      used.memory += need.memory.count();
      used.storage += need.storage.value_or(Bytes()).count();
      used.cores += need.cores;
      if (need.accelerator == "L4") used.l4 += need.accelerators;
    }
  }

  /// Whatever a replica says of itself, its accelerators draw no more than the site counts.
  static void note_draw(const Resources& need, const Rack& rack) {
    const auto accelerator = std::ranges::find(rack.accelerators, need.accelerator, &Accelerator::model);
    if (need.accelerators == 0 || accelerator == rack.accelerators.end()) return;
    const int64_t drawn = std::min(accelerator->cap.value_or(accelerator->power), accelerator->power).count();
    RC_ASSERT(need.power.count() >= need.accelerators * (drawn * slots_of(need.slice) / 8));
  }

  void note_slices(const PlacedReplica& replica, const Resources& need, const Rack& rack) {
    const Accelerator& h100 = rack.accelerators[1];
    RC_ASSERT(replica.seat->accelerators.size() == static_cast<size_t>(need.accelerators));
    for (const AcceleratorSeat& seat : replica.seat->accelerators) {
      RC_ASSERT(seat.accelerator >= 0);
      RC_ASSERT(seat.accelerator < h100.count);
      RC_ASSERT(may_start(need.slice, seat.start));
      const std::string device = replica.site.str() + "/" + rack.name + "/" + std::to_string(seat.accelerator);
      for (int i = 0; i < slots_of(need.slice); ++i) RC_ASSERT(slots_.emplace(device, seat.start + i).second);
      device_watts_[device] += need.accelerator_power->count();
      device_most_[device] = h100.cap ? std::min(h100.cap->count(), h100.power.count()) : h100.power.count();
    }
  }

  static void check_room(const Used& used, const Servers& servers, const std::vector<Accelerator>& accelerators) {
    RC_ASSERT(used.memory <= servers.memory.count());
    RC_ASSERT(used.storage <= servers.storage.count());
    RC_ASSERT(used.cores <= servers.cores + 1e-6);
    int l4 = 0;
    for (const Accelerator& one : accelerators) l4 += one.model == "L4" ? one.count : 0;
    RC_ASSERT(used.l4 <= l4);
  }

  Used used(const std::string& node) const {
    const auto found = used_.find(node);
    return found == used_.end() ? Used() : found->second;
  }

  const World& world_;
  std::map<std::string, Used> used_;
  std::set<std::pair<std::string, int>> slots_;
  std::map<std::string, int64_t> device_watts_, device_most_;
};

std::vector<PlacedReplica> with_leaving(const std::vector<AppPlacement>& placements) {
  std::vector<PlacedReplica> all = flatten(placements);
  for (const AppPlacement& placement : placements) {
    all.insert(all.end(), placement.leaving.begin(), placement.leaving.end());
  }
  return all;
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
    if (!site.racks) continue;
    for (Feeder& feeder : *site.feeders) feeder.power.nominal += Watts(*rc::gen::inRange(0, 500));
    for (Rack& rack : *site.racks) {
      rack.power.nominal += Watts(*rc::gen::inRange(0, 500));
      rack.servers.cores += *rc::gen::inRange(0, 8);
    }
  }
}

}  // namespace

TEST_CASE("no node of the power tree, no slice, core or byte is ever over-committed") {
  CHECK(rc::check([] {
    const World world = any_world();
    Checker(world, with_leaving(place(world.network, world.apps, world.present))).check();
  }));
}

TEST_CASE("nor after an improvement, after which no app has fewer replicas") {
  CHECK(rc::check([] {
    const World world = any_world();
    const auto before = place(world.network, world.apps, world.present);
    const auto after = place(world.network, world.apps, world.present, {.weights = {}, .improve_work = 20'000});
    Checker(world, with_leaving(after)).check();
    for (size_t i = 0; i < before.size(); ++i) {
      RC_ASSERT(after[i].replicas.size() >= before[i].replicas.size());
      RC_ASSERT(after[i].leaving == before[i].leaving);
    }
  }));
}

TEST_CASE(
    "nor when caps change, apps grow, come and go, and sites drain or are lost, each with what stood before as "
    "present") {
  CHECK(rc::check([] {
    World world = any_world();
    std::vector<PlacedReplica> present;
    for (int round = 0; round < 4; ++round) {
      PlacementOptions options;
      for (const Site& site : world.network.sites) {
        if (*rc::gen::inRange(0, 4) == 0) options.lost.emplace(site.id, 10s);
      }
      const auto before = std::exchange(present, with_leaving(place(world.network, world.apps, present, options)));
      Checker(world, present).check();
      for (const PlacedReplica& replica : present) {
        const auto was_there = [&](const PlacedReplica& old) { return old.id == replica.id; };
        RC_ASSERT(!options.lost.contains(replica.site) || std::ranges::any_of(before, was_there));
      }
      for (Site& site : world.network.sites) {
        site.power.cap = any_cap();
        if (site.racks) site.racks->front().power.cap = any_cap();
        if (*rc::gen::inRange(0, 4) == 0) site.status = SiteStatus::draining;
      }
      for (App& app : world.apps) {
        app.spec.resources.power = Watts(*rc::gen::inRange(1, 300));
        if (app.spec.replicas) app.spec.replicas = *rc::gen::inRange(1, 5);
      }
      if (!world.apps.empty() && *rc::gen::inRange(0, 2) == 0) world.apps.pop_back();
    }
  }));
}

TEST_CASE("apps one by one through a book take no more than there is, and leave nothing behind when they go") {
  CHECK(rc::check([] {
    const World world = any_world();
    PlacementBook book(world.network);
    const double empty = book.cost();
    for (int round = 0; round < 2; ++round) {
      std::vector<PlacedReplica> all;
      for (const App& app : world.apps) {
        book.decide(app, round == 0 ? std::vector<PlacedReplica>() : book.replicas(app.key()));
      }
      book.improve({.work = 5'000});
      for (const App& app : world.apps) {
        const auto some = book.replicas(app.key());
        all.insert(all.end(), some.begin(), some.end());
      }
      Checker(world, all).check();
    }
    for (const App& app : world.apps) book.remove(app.key());
    RC_ASSERT(book.cost() == empty);
    RC_ASSERT(book.assignment().is_feasible());
  }));
}

TEST_CASE(
    "no replica stands where its policy forbids, on a site that is not active, twice, or beyond the number asked") {
  CHECK(rc::check([] {
    const World world = any_world();
    for (const AppPlacement& placement : place(world.network, world.apps, world.present)) {
      const AppSpec& spec = app_of(world, placement.app).spec;
      std::set<SiteId> seen;
      std::map<std::string, int> in_domain;
      for (const PlacedReplica& replica : placement.replicas) {
        const Site* site = world.network.find(replica.site);
        RC_ASSERT(site != nullptr);
        RC_ASSERT(site->status == SiteStatus::active);
        RC_ASSERT(permits(spec.policy, *site).permitted);
        RC_ASSERT(seen.insert(replica.site).second);
        if (spec.spread && site->failure_domain) ++in_domain[*site->failure_domain];
      }
      for (const auto& [domain, count] : in_domain) RC_ASSERT(count <= spec.spread->most_per_domain);
      RC_ASSERT(!spec.replicas || spec.work || placement.replicas.size() <= static_cast<size_t>(*spec.replicas));
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

TEST_CASE(
    "a site that was never heard from has only what no other has room for, and placing again with the result present "
    "changes nothing") {
  CHECK(rc::check([] {
    const World world = any_world();
    PlacementOptions options;
    for (const Site& site : world.network.sites) {
      if (*rc::gen::inRange(0, 2) == 0) options.unheard.insert(site.id);
    }
    const auto once = place(world.network, world.apps, world.present, options);
    Checker(world, with_leaving(once)).check();
    const auto placed = flatten(once);
    RC_ASSERT(flatten(place(world.network, world.apps, placed, options)) == placed);
    // Without those sites, what is missing then has no room at the others.
    std::vector<PlacedReplica> heard = placed;
    std::erase_if(heard, [&](const PlacedReplica& replica) { return options.unheard.contains(replica.site); });
    PlacementOptions without;
    for (const SiteId& site : options.unheard) without.lost.emplace(site, 10s);
    RC_ASSERT(flatten(place(world.network, world.apps, heard, without)) == heard);
    for (const AppPlacement& placement : once) {
      for (const PlacedReplica& replica : placement.leaving) RC_ASSERT(!options.unheard.contains(replica.site));
    }
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
