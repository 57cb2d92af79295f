#include "sim/made_network.h"

#include <cmath>

namespace barrio::sim {

namespace {

const char* const areas[] = {"ES-MD", "ES-CT", "ES-AN", "ES-PV"};
const char* const profiles[] = {"1g.10gb", "2g.20gb", "3g.40gb"};

LatLon somewhere(Rng& rng) {
  return {36.5 + rng.unit() * 6.5, -8.5 + rng.unit() * 11};
}

int between(Rng& rng, int low, int high) {
  return low + static_cast<int>(rng.below(static_cast<uint64_t>(high - low) + 1));
}

App make_app(const NetworkShape& shape, size_t index, Rng& rng) {
  App app;
  app.tenant = TenantId::of("tenant" + std::to_string(index % 20));
  AppSpec& spec = app.spec;
  spec.name = AppName::of("app" + std::to_string(index));
  spec.objective = {between(rng, 15, 60) * 1ms, 99};
  spec.policy.jurisdictions = {*Jurisdiction::parse("ES")};
  if (rng.below(8) == 0)
    spec.policy.jurisdictions = {*Jurisdiction::parse(areas[rng.below(2)]),
                                 *Jurisdiction::parse(areas[2 + rng.below(2)])};
  spec.replicas = between(rng, 1, shape.most_replicas);
  spec.resources.power = Watts(between(rng, 50, 400));
  spec.resources.memory = gib(between(rng, 2, 32));
  spec.resources.cores = between(rng, 1, 8);
  if (shape.has_slices && rng.below(4) == 0) {
    spec.resources.accelerator = "H100";
    spec.resources.accelerators = 1;
    spec.resources.slice = profiles[rng.below(3)];
  }
  if (rng.below(2) == 0) spec.work = RequestWork{.device_time = between(rng, 1, 8) * 1ms, .device_time_p99 = 10ms};
  for (size_t i = 0; i < shape.places; ++i) {
    spec.demand.push_back({.name = "p" + std::to_string(i), .location = somewhere(rng), .weight = 1 + rng.unit() * 9});
    if (spec.work) spec.demand.back().requests_per_second = spec.demand.back().weight;
  }
  return app;
}

void divide(Site& site) {
  site.feeders = {{"a", {site.power.it_budget()}}};
  site.racks = std::vector<Rack>(2);
  for (size_t i = 0; i < 2; ++i) {
    Rack& rack = (*site.racks)[i];
    rack.name = i == 0 ? "r1" : "r2";
    rack.feeder = "a";
    rack.power = {Watts(site.power.it_budget().count() * 6 / 10)};
    rack.servers = {site.servers.cores / 2, Bytes(site.servers.memory.count() / 2),
                    Bytes(site.servers.storage.count() / 2)};
  }
  Servers& second = (*site.racks)[1].servers;
  const Servers& first = (*site.racks)[0].servers;
  second = {site.servers.cores - first.cores, site.servers.memory - first.memory, site.servers.storage - first.storage};
  (*site.racks)[0].accelerators = site.accelerators;
}

/// Its part of what is left for number `to` and all after it.
int64_t part_for(size_t to, size_t of, int64_t& left) {
  const int64_t part = left / static_cast<int64_t>(of - to);
  left -= part;
  return part;
}

/// Of a node that can give so many watts, with N+1 feeds or without.
NodePower fed_with(double usable, Rng& rng) {
  NodePower power;
  if (rng.below(2) == 0) power.redundancy = Redundancy{.units = 2 + static_cast<int>(rng.below(2)), .spare = 1};
  const double kept = power.redundancy ? 1 - 1.0 / power.redundancy->units : 1;
  power.nominal = Watts(static_cast<int64_t>(std::ceil(usable / kept)));
  return power;
}

}  // namespace

void build_power_tree(Site& site, Rng& rng) {
  const auto all = static_cast<double>(site.power.it_budget().count());
  const size_t feeders = 1 + rng.below(2);
  const size_t racks = 2 + rng.below(2);
  site.feeders.emplace();
  for (size_t i = 0; i < feeders; ++i)
    site.feeders->push_back({i == 0 ? "a" : "b", fed_with(all * (0.6 + 0.4 * rng.unit()), rng)});
  int64_t cores = site.servers.cores;
  int64_t memory = site.servers.memory.count();
  int64_t storage = site.servers.storage.count();
  site.racks.emplace();
  for (size_t i = 0; i < racks; ++i) {
    Rack& rack = site.racks->emplace_back();
    rack.name = "r" + std::to_string(i + 1);
    if (rng.below(4) != 0) rack.feeder = (*site.feeders)[rng.below(feeders)].name;
    rack.power = fed_with(all * (0.4 + 0.4 * rng.unit()), rng);
    rack.servers = {static_cast<int>(part_for(i, racks, cores)), Bytes(part_for(i, racks, memory)),
                    Bytes(part_for(i, racks, storage))};
  }
  site.racks->front().accelerators = site.accelerators;
}

MadeNetwork make_network(const NetworkShape& shape, uint64_t seed) {
  Rng rng(seed);
  MadeNetwork made;
  made.network.name = "made";
  made.network.operators = {{OperatorId::of("operator"), "Operator", *Jurisdiction::parse("ES")}};
  made.network.paths = {4900ns, 1.6, 2ms, 20ms, {}};
  double asked = 0;
  for (size_t i = 0; i < shape.apps; ++i) {
    made.apps.push_back(make_app(shape, i, rng));
    asked += static_cast<double>(made.apps.back().spec.resources.power.count() * *made.apps.back().spec.replicas);
  }
  const double each = asked / shape.fill / (static_cast<double>(shape.sites) * 1.25);
  for (size_t i = 0; i < shape.sites; ++i) {
    Site site;
    site.id = SiteId::of("s" + std::to_string(i));
    site.owner = OperatorId::of("operator");
    site.city = "city" + std::to_string(i);
    site.jurisdiction = *Jurisdiction::parse(areas[rng.below(4)]);
    site.location = somewhere(rng);
    site.status = SiteStatus::active;
    const double size = each * (rng.below(4) == 0 ? 2 : 1);
    const double pue = 1.2 + rng.unit() * 0.5;
    site.power = {Watts(static_cast<int64_t>(size * pue)), pue};
    // About as many watts as a core and 6 GiB go with in the apps, and some more.
    site.servers = {static_cast<int>(size / 40), gib(static_cast<int64_t>(size / 9)), gib(1000)};
    // Half of one draws no more than the least that an app declares.
    if (shape.has_slices) site.accelerators = {{"H100", 2, Watts(100), gib(80), std::nullopt, true}};
    if (shape.has_racks && rng.below(3) == 0) divide(site);
    made.network.sites.push_back(std::move(site));
  }
  return made;
}

}  // namespace barrio::sim
