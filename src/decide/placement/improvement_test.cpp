#include "decide/placement/improvement.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace barrio::decide::improvement_test {

namespace {

constexpr LatLon madrid{40.41, -3.69};
constexpr LatLon barcelona{41.38, 2.18};

Site site(const char* id, LatLon location, int64_t watts) {
  Site made;
  made.id = SiteId::of(id);
  made.city = id;
  made.owner = OperatorId::of("telefonica");
  made.jurisdiction = *Jurisdiction::parse("ES-MD");
  made.location = location;
  made.status = SiteStatus::active;
  made.power = {Watts(watts), 1.0};
  made.servers = {8, gib(16), gib(100)};
  return made;
}

Network two_sites(int64_t watts = 200) {
  Network network;
  network.operators = {{OperatorId::of("telefonica"), "Telefónica", *Jurisdiction::parse("ES")}};
  network.paths = {4900ns, 1.6, 2ms, 20ms, {}};
  network.sites = {site("mad", madrid, watts), site("bcn", barcelona, watts)};
  return network;
}

App app(const char* name, LatLon users) {
  App made;
  made.tenant = TenantId::of("city");
  made.spec.name = AppName::of(name);
  made.spec.objective = {250ms, 99};
  made.spec.policy.jurisdictions = {*Jurisdiction::parse("ES")};
  made.spec.resources = {Watts(75), gib(1), 1, "", 0};
  made.spec.replicas = 1;
  made.spec.demand = {{.name = "users", .location = users, .requests_per_second = 100}};
  return made;
}

PlacedReplica at(const App& app, const char* site) {
  const SiteId id = SiteId::of(site);
  return {replica_id(app.key(), id, 0), app.key(), id};
}

std::vector<PlacedReplica> with(std::vector<PlacedReplica> present, const std::vector<PlacedReplica>& more) {
  present.insert(present.end(), more.begin(), more.end());
  return present;
}

}  // namespace

TEST_CASE("a replica far from its users is started near them, the old one leaves, and then all is settled") {
  const Network network = two_sites();
  const std::vector apps = {app("video", barcelona)};
  const std::vector present = {at(apps[0], "mad")};
  const auto started = improvement(network, apps, present);
  REQUIRE(started.size() == 1);
  CHECK(started[0].site.str() == "bcn");
  const auto both = place(network, apps, with(present, started)).front();
  CHECK(both.replicas == started);
  CHECK(both.leaving == present);
  CHECK(improvement(network, apps, with(present, started)).empty());  // one thing after the other
  CHECK(improvement(network, apps, started).empty());
}

TEST_CASE("a move that does not pay is not made") {
  const Network network = two_sites();
  App near = app("video", madrid);
  CHECK(improvement(network, std::vector{near}, std::vector{at(near, "mad")}).empty());
  // A hundredth of a request a second does not pay for a move.
  App few = app("video", {40.9, -0.7});
  few.spec.demand[0].requests_per_second = 0.01;
  CHECK(improvement(network, std::vector{few}, std::vector{at(few, "mad")}).empty());
}

TEST_CASE("two that would have to change places have no room to, and stay") {
  const Network network = two_sites(100);
  const std::vector apps = {app("a", barcelona), app("b", madrid)};
  const std::vector present = {at(apps[0], "mad"), at(apps[1], "bcn")};
  CHECK(improvement(network, apps, present).empty());
}

TEST_CASE("with room beside the old one, both change places, at most so many apps at a time") {
  const Network network = two_sites(160);
  const std::vector apps = {app("a", barcelona), app("b", madrid)};
  const std::vector present = {at(apps[0], "mad"), at(apps[1], "bcn")};
  CHECK(improvement(network, apps, present).size() == 2);
  CHECK(improvement(network, apps, present, {.weights = {}, .most = 1}).size() == 1);
}

TEST_CASE("what comes takes no rack from what runs there, though another one has room for that") {
  Network network = two_sites();
  Site& bcn = network.sites[1];
  const auto rack = [](const char* name, int64_t watts) {
    return Rack{name, "", {Watts(watts)}, {}, {4, gib(8), gib(50)}};
  };
  std::vector apps = {app("b", barcelona), app("a", barcelona)};
  apps[0].spec.resources.power = Watts(80);
  apps[1].spec.resources.power = Watts(40);
  std::vector present = {at(apps[0], "mad"), at(apps[1], "bcn")};
  present[1].seat = Seat{"left", {}};
  bcn.racks = {{rack("left", 100), rack("right", 70)}};
  CHECK(improvement(network, apps, present).empty());
  bcn.racks = {{rack("left", 100), rack("right", 80)}};
  const auto started = improvement(network, apps, present);
  REQUIRE(started.size() == 1);
  CHECK(started[0].seat == Seat{"right", {}});
}

TEST_CASE("nothing is improved while replicas are missing or surplus") {
  const Network network = two_sites();
  const std::vector apps = {app("a", barcelona), app("b", madrid)};
  CHECK(improvement(network, apps, std::vector{at(apps[0], "mad")}).empty());
}

}  // namespace barrio::decide::improvement_test
