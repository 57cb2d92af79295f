#include <doctest/doctest.h>

#include <algorithm>

#include "decide/placement/placement.h"

namespace barrio::decide::placement_test {

namespace {

struct Place {
  const char* id;
  const char* city;
  const char* jurisdiction;
  LatLon location;
};

const Place madrid{"mad1", "Madrid", "ES-MD", {40.40841, -3.68760}};
const Place barcelona{"bcn1", "Barcelona", "ES-CT", {41.38425, 2.17635}};
const Place bilbao{"bio1", "Bilbao", "ES-PV", {43.25722, -2.92391}};
const Place zaragoza{"zaz1", "Zaragoza", "ES-AR", {41.65646, -0.87929}};
const Place tenerife{"tfn1", "Santa Cruz de Tenerife", "ES-CN", {28.46285, -16.24721}};

Site site(const Place& place, Watts it_power) {
  Site made;
  made.id = SiteId::of(place.id);
  made.city = place.city;
  made.owner = OperatorId::of("telefonica");
  made.jurisdiction = *Jurisdiction::parse(place.jurisdiction);
  made.location = place.location;
  made.status = SiteStatus::active;
  made.power = {it_power * 2, 2.0};
  made.accelerators = {{"L4", 2, Watts(72), gib(24)}};
  made.servers = {8, gib(16), gib(100)};
  return made;
}

/// Madrid, Barcelona, Bilbao active; Zaragoza planned.
Network spain() {
  Network network;
  network.operators = {{OperatorId::of("telefonica"), "Telefónica", *Jurisdiction::parse("ES")}};
  network.paths = {4900ns, 1.6, 2ms, 20ms, {}};
  for (const Place& place : {madrid, barcelona, bilbao, zaragoza}) network.sites.push_back(site(place, Watts(200)));
  network.sites[3].status = SiteStatus::planned;
  return network;
}

App app(const char* name, const char* jurisdiction = "ES") {
  App made;
  made.tenant = TenantId::of("ayto");
  made.spec.name = AppName::of(name);
  made.spec.objective = {250ms, 99};
  made.spec.policy.jurisdictions = {*Jurisdiction::parse(jurisdiction)};
  made.spec.resources = {Watts(75), gib(1), 1, "", 0};
  return made;
}

std::vector<std::string> sites(const AppPlacement& placement) {
  std::vector<std::string> ids;
  for (const PlacedReplica& replica : placement.replicas) ids.push_back(replica.site.str());
  return ids;
}

const SiteDecision& at(const AppPlacement& placement, const char* id) {
  const auto found = std::find_if(placement.decisions.begin(), placement.decisions.end(),
                                  [&](const SiteDecision& decision) { return decision.site.str() == id; });
  REQUIRE(found != placement.decisions.end());
  return *found;
}

AppPlacement place_one(const Network& network, const App& one) {
  return place(network, std::vector{one}, {}).front();
}

using Ids = std::vector<std::string>;

}  // namespace

TEST_CASE("an app without a number of replicas runs on every permitted active site") {
  const auto placement = place_one(spain(), app("video"));
  CHECK(sites(placement) == Ids{"mad1", "bcn1", "bio1"});
  CHECK_FALSE(placement.refusal);
  CHECK(at(placement, "bio1").detail == "2.0 ms of network in 250ms, takes 75 W and leaves 125 W of IT power");
  CHECK(at(placement, "zaz1").refusal.reason == RefusalReason::not_active);
  CHECK(at(placement, "zaz1").refusal.nearest == "activate zaz1");
}

TEST_CASE("a site outside the policy is refused with the policy that would allow it") {
  const auto placement = place_one(spain(), app("video", "ES-PV"));
  CHECK(sites(placement) == Ids{"bio1"});
  CHECK(at(placement, "bcn1").refusal.reason == RefusalReason::policy);
  CHECK(at(placement, "bcn1").refusal.detail == "bcn1 lies in ES-CT, the policy allows jurisdiction ES-PV");
  CHECK(at(placement, "bcn1").refusal.nearest == "policy with jurisdiction ES-CT");
  CHECK(at(placement, "zaz1").refusal.nearest == "activate zaz1 and a policy with jurisdiction ES-AR");
}

TEST_CASE("a policy that fits no site at all is refused as such") {
  const auto placement = place_one(spain(), app("video", "FR"));
  REQUIRE(placement.refusal);
  CHECK(placement.refusal->reason == RefusalReason::policy);
  CHECK(placement.refusal->detail == "no site of the network is permitted, the policy allows jurisdiction FR");
  CHECK(placement.refusal->nearest == "policy with jurisdiction ES-MD: site mad1");
}

TEST_CASE("a policy that fits a planned site only says which site to activate") {
  const auto placement = place_one(spain(), app("video", "ES-AR"));
  REQUIRE(placement.refusal);
  CHECK(placement.refusal->reason == RefusalReason::not_active);
  CHECK(placement.refusal->nearest == "activate zaz1");
}

TEST_CASE("each kind of shortage names the figures and what is missing") {
  const auto refused = [](auto change) {
    App one = app("video", "ES-PV");
    change(one.spec.resources);
    const auto placement = place_one(spain(), one);
    REQUIRE(placement.refusal);
    return *placement.refusal;
  };
  Refusal power = refused([](Resources& need) { need.power = Watts(245); });
  CHECK(power.reason == RefusalReason::power);
  CHECK(power.nearest == "another 45 W of IT power at bio1");
  CHECK(power.detail ==
        "none of the 1 permitted sites (jurisdiction ES-PV) can take it: bio1 has 200 W of IT power left, one replica "
        "needs 245 W");
  CHECK(refused([](Resources& need) { need.memory = gib(20); }).nearest == "another 4GiB of memory at bio1");
  CHECK(refused([](Resources& need) { need.cores = 8.5; }).nearest == "another 0.5 cores at bio1");
  CHECK(refused([](Resources& need) {
          need.accelerator = "L4", need.accelerators = 5, need.power = Watts(360);
        }).nearest == "another 3 L4 at bio1 and 160 W of IT power at bio1");
  CHECK(refused([](Resources& need) { need.accelerator = "H200", need.accelerators = 1; }).reason ==
        RefusalReason::accelerator);
}

TEST_CASE("a replica counts at least what its accelerators may draw where it is") {
  Network network = spain();
  Site& bio1 = *std::ranges::find(network.sites, SiteId::of("bio1"), &Site::id);
  App one = app("video", "ES-PV");
  one.spec.resources.accelerator = "L4";
  one.spec.resources.accelerators = 2;
  one.spec.resources.power = Watts(143);
  const auto placement = place_one(network, one);
  REQUIRE(placement.refusal);
  CHECK(placement.refusal->reason == RefusalReason::power);
  CHECK(placement.refusal->nearest == "power 144 W instead of 143 W");
  CHECK(
      placement.refusal->detail ==
      "none of the 1 permitted sites (jurisdiction ES-PV) can take it: the 2 L4 that one replica needs may draw 144 W "
      "at bio1, its power is 143 W");
  bio1.accelerators[0].cap = Watts(50);
  one.spec.resources.power = Watts(100);
  CHECK(place_one(network, one).replicas.size() == 1);
}

TEST_CASE("an objective below the network time is refused with the one that would do") {
  App one = app("video");
  one.spec.objective.latency = 5ms;
  one.spec.demand = {{"Bilbao", bilbao.location, 1}};
  const auto placement = place_one(spain(), one);
  CHECK(sites(placement) == Ids{"bio1"});
  // 506 km x 1.6 x 4.9 us, both ways, and 2 ms of access.
  CHECK(at(placement, "bcn1").network_ms == doctest::Approx(9.3).epsilon(0.01));
  CHECK(at(placement, "bcn1").refusal.reason == RefusalReason::objective);
  CHECK(at(placement, "bcn1").refusal.nearest == "objective 10ms instead of 5ms");
  one.spec.objective.latency = 10ms;
  CHECK(sites(place_one(spain(), one)) == Ids{"mad1", "bcn1", "bio1"});
}

TEST_CASE("apps share a site's room in the order of their names") {
  const Network network = spain();
  const auto placements = place(network, std::vector{app("c", "ES-PV"), app("b", "ES-PV"), app("a", "ES-PV")}, {});
  REQUIRE(placements.size() == 3);
  CHECK(placements[0].app.str() == "ayto/a");
  CHECK(sites(placements[0]) == Ids{"bio1"});
  CHECK(sites(placements[1]) == Ids{"bio1"});
  REQUIRE(placements[2].refusal);
  CHECK(placements[2].refusal->nearest == "another 25 W of IT power at bio1");
}

TEST_CASE("what is placed keeps its place before an app with an earlier name gets one") {
  const Network network = spain();
  const std::vector late = {app("x", "ES-PV"), app("y", "ES-PV")};
  std::vector<PlacedReplica> present;
  for (const auto& placement : place(network, late, {})) present.push_back(placement.replicas.at(0));
  const auto placements = place(network, std::vector{late[0], late[1], app("a", "ES-PV")}, present);
  CHECK(placements[0].refusal);
  CHECK(placements[1].replicas == std::vector{present[0]});
  CHECK(placements[2].replicas == std::vector{present[1]});
}

TEST_CASE("a limited number of replicas goes where it shortens the way most") {
  Network network = spain();
  network.sites.push_back(site(tenerife, Watts(200)));
  App one = app("video");
  one.spec.replicas = 1;
  CHECK(sites(place_one(network, one)) == Ids{"mad1"});
  one.spec.replicas = 2;
  CHECK(sites(place_one(network, one)) == Ids{"mad1", "tfn1"});
  one.spec.demand = {{"Vigo", {42.2314, -8.7124}, 1}, {"Girona", {41.9794, 2.8214}, 10}};
  one.spec.replicas = 1;
  const auto placement = place_one(network, one);
  CHECK(sites(placement) == Ids{"bcn1"});
  CHECK(at(placement, "mad1").refusal.reason == RefusalReason::enough);
  CHECK(at(placement, "mad1").detail == "1 asked, placed at bcn1");
}

TEST_CASE("what the nearest replica has no room for goes to the next nearest, not to the next of the list") {
  Network network = spain();
  network.sites[3].status = SiteStatus::active;
  App one = app("video");
  one.spec.replicas = 2;
  one.spec.demand = {{"Madrid", madrid.location, 1}};
  CHECK(sites(place_one(network, one)) == Ids{"mad1", "zaz1"});
  std::ranges::reverse(network.sites);
  CHECK(sites(place_one(network, one)) == Ids{"zaz1", "mad1"});
  // And each place keeps one of its own first.
  one.spec.demand.push_back({"Barcelona", barcelona.location, 1});
  CHECK(sites(place_one(network, one)) == Ids{"bcn1", "mad1"});
}

TEST_CASE("an app that has fewer replicas than it asks for says how many, why, and what would help") {
  Network network = spain();
  App one = app("video");
  one.spec.replicas = 3;
  CHECK_FALSE(place_one(network, one).missing);
  CHECK_FALSE(place_one(network, app("everywhere")).missing);
  SUBCASE("where no other site is permitted") {
    one.spec.policy.jurisdictions = {*Jurisdiction::parse("ES-MD"), *Jurisdiction::parse("ES-PV")};
    const auto missing = place_one(network, one).missing;
    REQUIRE(missing);
    CHECK(missing->reason == RefusalReason::policy);
    CHECK(missing->detail.starts_with("2 of 3 replicas have a place, and a site has one of an app at most"));
    CHECK(missing->nearest == "policy with jurisdiction ES-CT: site bcn1");
  }
  SUBCASE("where another has no room") {
    network.sites[2].power.budget = Watts(100);
    const auto missing = place_one(network, one).missing;
    REQUIRE(missing);
    CHECK(missing->reason == RefusalReason::power);
    CHECK(missing->nearest == "another 25 W of IT power at bio1");
  }
  SUBCASE("where another would fail together with one that has a replica") {
    network.sites[1].failure_domain = network.sites[2].failure_domain = "north";
    one.spec.spread = Spread{1};
    const auto missing = place_one(network, one).missing;
    REQUIRE(missing);
    CHECK(missing->reason == RefusalReason::spread);
  }
  SUBCASE("where every site of the network has one") {
    network.sites.pop_back();
    one.spec.replicas = 4;
    const auto missing = place_one(network, one).missing;
    REQUIRE(missing);
    CHECK(missing->detail.ends_with("the network has no other"));
    CHECK(missing->nearest == "replicas 3 instead of 4");
  }
  SUBCASE("where there is none at all, which is a refusal") {
    one.spec.policy.jurisdictions = {*Jurisdiction::parse("FR")};
    const auto placement = place_one(network, one);
    CHECK(placement.refusal);
    CHECK_FALSE(placement.missing);
  }
}

TEST_CASE("a draining site's replica is leaving and the next best takes over") {
  Network network = spain();
  App one = app("video");
  one.spec.replicas = 1;
  one.spec.demand = {{"Toledo", {39.8567, -4.0244}, 1}};
  const auto before = place_one(network, one);
  REQUIRE(sites(before) == Ids{"mad1"});
  network.sites[0].status = SiteStatus::draining;
  const auto after = place(network, std::vector{one}, before.replicas).front();
  CHECK(sites(after) == Ids{"bio1"});
  CHECK(at(after, "mad1").refusal.reason == RefusalReason::not_active);
  CHECK(after.leaving == before.replicas);
  // Both are present now: nothing changes by deciding again, and back to active it is kept.
  auto both = after.replicas;
  both.insert(both.end(), after.leaving.begin(), after.leaving.end());
  const auto again = place(network, std::vector{one}, both).front();
  CHECK(again.replicas == after.replicas);
  CHECK(again.leaving == after.leaving);
  network.sites[0].status = SiteStatus::active;
  const auto back = place(network, std::vector{one}, both).front();
  CHECK(sites(back) == Ids{"mad1"});
  CHECK(back.leaving == after.replicas);  // now this one is more than enough
}

TEST_CASE("a replica leaves a draining site at once where the policy does not permit it any more") {
  Network network = spain();
  App one = app("video");
  const auto before = place_one(network, one);
  network.sites[0].status = SiteStatus::draining;
  one.spec.policy.jurisdictions = {*Jurisdiction::parse("ES-PV")};
  CHECK(place(network, std::vector{one}, before.replicas).front().leaving.empty());
}

TEST_CASE("fewer replicas than present keeps the most useful ones, and the others leave: Bilbao is nearest to both") {
  const Network network = spain();
  App one = app("video");
  const auto before = place_one(network, one);
  one.spec.replicas = 1;
  const auto after = place(network, std::vector{one}, before.replicas).front();
  CHECK(after.replicas == std::vector{before.replicas[2]});
  CHECK(after.leaving == std::vector{before.replicas[0], before.replicas[1]});
}

TEST_CASE("an app that scales has so many replicas as its demand needs, from what it asks to the most it allows") {
  const Network network = spain();
  App one = app("video");
  one.spec.work = RequestWork{.device_time = 20ms};
  one.spec.scale = ScaleSpec{};
  one.spec.demand = {{.name = "Toledo", .location = {39.8567, -4.0244}, .requests_per_second = 30}};
  CHECK(sites(place_one(network, one)) == Ids{"mad1"});
  one.spec.demand[0].requests_per_second = 70;  // 1.4 replicas' time, of which each gives 0.8
  CHECK(place_one(network, one).replicas.size() == 2);
  one.spec.demand[0].requests_per_second = 1000;
  CHECK(place_one(network, one).replicas.size() == 3);
  one.spec.scale->most = 2;
  CHECK(place_one(network, one).replicas.size() == 2);
  one.spec.demand.clear();
  one.spec.replicas = 2;
  CHECK(place_one(network, one).replicas.size() == 2);
}

TEST_CASE("where the wait would break the objective there are more replicas than the load alone needs") {
  const Network network = spain();
  App one = app("video");
  one.spec.objective.latency = 100ms;
  one.spec.replicas = 1;
  one.spec.work = RequestWork{.device_time = 20ms};
  one.spec.demand = {{.name = "Toledo", .location = {39.8567, -4.0244}, .requests_per_second = 60}};
  // Two would be busy for 60 % of their time, and one request in a hundred would wait for more than 100 ms.
  CHECK(place_one(network, one).replicas.size() == 3);
  one.spec.objective.latency = 250ms;
  CHECK(place_one(network, one).replicas.size() == 2);
}

TEST_CASE("more than all sites can take is refused at deployment, and takes no replica from an app that scales") {
  const Network network = spain();
  App one = app("video");
  one.spec.objective.latency = 100ms;
  one.spec.replicas = 1;
  one.spec.work = RequestWork{.device_time = 20ms};
  one.spec.demand = {{.name = "Toledo", .location = {39.8567, -4.0244}, .requests_per_second = 1000}};
  CHECK(place_one(network, one).refusal->reason == RefusalReason::objective);
  one.spec.scale = ScaleSpec{};
  CHECK(place_one(network, one).replicas.size() == 3);
}

TEST_CASE("an app that nobody asks has no replica, and says what would change that") {
  const Network network = spain();
  App one = app("video");
  const auto before = place_one(network, one);
  one.spec.replicas = 0;
  const auto after = place(network, std::vector{one}, before.replicas).front();
  CHECK(after.replicas.empty());
  CHECK(after.leaving.empty());
  REQUIRE(after.refusal);
  CHECK(after.refusal->reason == RefusalReason::enough);
  CHECK(after.refusal->nearest == "a request");
}

TEST_CASE("an app goes where its kind is run, and where it is not, says what would have to change") {
  App hello = app("hello");
  hello.spec.model = {Backend::none, "", "", ""};
  hello.spec.container.emplace();
  hello.spec.replicas = 2;
  PlacementOptions options;
  for (const Site& site : spain().sites) options.runs[site.id] = {.containers = site.id == SiteId::of("bio1")};
  const auto placement = place(spain(), std::vector{hello}, {}, options).front();
  CHECK(sites(placement) == Ids{"bio1"});
  CHECK(at(placement, "mad1").refusal.reason == RefusalReason::runtime);
  CHECK(at(placement, "mad1").detail == "mad1 runs no containers");
  CHECK(at(placement, "mad1").refusal.nearest == "podman or kubernetes in the configuration of mad1");
  options.runs.erase(SiteId::of("mad1"));  // an older site does not say
  CHECK(place(spain(), std::vector{hello}, {}, options).front().replicas.size() == 2);
  // What stands where its kind is not run any more has its place elsewhere.
  const auto present = placement.replicas;
  options.runs[SiteId::of("bio1")].containers = false;
  CHECK(sites(place(spain(), std::vector{hello}, present, options).front()) == Ids{"mad1"});
  App program = app("program");
  program.spec.model = {Backend::none, "", "", ""};
  program.spec.program.emplace();
  CHECK(at(place(spain(), std::vector{program}, {}, options).front(), "bio1").placed);
  options.runs[SiteId::of("bio1")].programs = false;
  CHECK(at(place(spain(), std::vector{program}, {}, options).front(), "bio1").detail == "bio1 runs no programs");
}

TEST_CASE("a site that has never spoken to control is given what no other has room for, and says so") {
  App video = app("video");
  video.spec.replicas = 1;
  video.spec.demand = {{"Bilbao", bilbao.location}};
  PlacementOptions options;
  options.unheard = {SiteId::of("bio1")};
  const auto placement = place(spain(), std::vector{video}, {}, options).front();
  REQUIRE(placement.replicas.size() == 1);
  CHECK(placement.replicas.front().site != SiteId::of("bio1"));
  CHECK(at(placement, "bio1").refusal.reason == RefusalReason::unavailable);
  CHECK(at(placement, "bio1").detail.find("bio1 has never spoken to control") != std::string::npos);
  CHECK(at(placement, "bio1").refusal.nearest == "bio1 once its machine speaks to control");
  SUBCASE("where it is the only one, the replica waits there for it") {
    video.spec.policy.jurisdictions = {*Jurisdiction::parse("ES-PV")};
    const auto alone = place(spain(), std::vector{video}, {}, options).front();
    CHECK(sites(alone) == Ids{"bio1"});
    CHECK(at(alone, "bio1").detail.find("has never spoken to control") != std::string::npos);
  }
  SUBCASE("an app that asks for more than the others can take has one there, too") {
    video.spec.replicas = 3;
    CHECK(sites(place(spain(), std::vector{video}, {}, options).front()).size() == 3);
  }
  SUBCASE("what is there goes elsewhere at once, and stays once the site speaks") {
    const std::vector<PlacedReplica> present = {{ReplicaId::of("r1"), video.key(), SiteId::of("bio1")}};
    const auto moved = place(spain(), std::vector{video}, present, options).front();
    CHECK(sites(moved) == sites(placement));
    CHECK(moved.leaving.empty());
    CHECK(sites(place(spain(), std::vector{video}, present).front()) == Ids{"bio1"});
  }
  SUBCASE("what is there stays while the site may yet be heard, also what is to leave; what is new goes elsewhere") {
    options.at_unheard = AtUnheard::stays;
    CHECK(sites(place(spain(), std::vector{video}, {}, options).front()) == sites(placement));
    const std::vector<PlacedReplica> present = {{ReplicaId::of("r1"), video.key(), SiteId::of("bio1")}};
    CHECK(place(spain(), std::vector{video}, present, options).front().replicas == present);
    std::vector<PlacedReplica> two = present;
    two.push_back({ReplicaId::of("r2"), video.key(), SiteId::of("mad1")});
    const auto one_goes = place(spain(), std::vector{video}, two, options).front();
    CHECK(sites(one_goes) == Ids{"mad1"});
    CHECK(one_goes.leaving == present);
  }
}

}  // namespace barrio::decide::placement_test
