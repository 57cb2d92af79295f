#include "decide/placement/moves.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace barrio::decide::moves_test {

namespace {

constexpr auto spain = "ES";

Site site(const char* id, Watts it_power) {
  Site made;
  made.id = SiteId::of(id);
  made.city = id;
  made.owner = OperatorId::of("telefonica");
  made.jurisdiction = *Jurisdiction::parse("ES-MD");
  made.location = {40.4, -3.7};
  made.status = SiteStatus::active;
  made.power = {it_power, 1.0};
  made.servers = {64, gib(256), gib(1000)};
  return made;
}

/// What is left of it when "away" is lost has so much IT power.
Network two_sites(Watts left) {
  Network network;
  network.operators = {{OperatorId::of("telefonica"), "Telefónica", *Jurisdiction::parse(spain)}};
  network.paths = {4900ns, 1.6, 2ms, 20ms, {}};
  network.sites = {site("away", Watts(2000)), site("home", left)};
  return network;
}

App app(const char* name, double percentile, Watts power = Watts(100)) {
  App made;
  made.tenant = TenantId::of("ayto");
  made.spec.name = AppName::of(name);
  made.spec.objective = {250ms, percentile};
  made.spec.policy.jurisdictions = {*Jurisdiction::parse(spain)};
  made.spec.resources = {power, gib(1), 1, "", 0};
  made.spec.replicas = 1;
  return made;
}

PlacedReplica at(const App& app, const char* site) {
  return {replica_id(app.key(), SiteId::of(site), 0), app.key(), SiteId::of(site)};
}

std::vector<std::string> names(const std::vector<Move>& moves) {
  std::vector<std::string> all;
  for (const Move& move : moves) all.push_back(move.replica.app.name.str());
  return all;
}

using Names = std::vector<std::string>;

/// What comes of the loss of "away", where each app has its only replica or, of `both`, one of two.
struct Loss {
  Loss(Watts left, std::vector<App> all, const std::set<AppKey>& both = {}, Duration silent = 10s)
      : network(two_sites(left)), apps(std::move(all)) {
    options.lost = {{SiteId::of("away"), silent}};
    for (const App& one : apps) {
      present.push_back(at(one, "away"));
      if (both.contains(one.key())) present.push_back(at(one, "home"));
    }
  }
  std::vector<Move> moves() {
    placements.clear();
    for (AppPlacement& one : place(network, apps, present, options)) placements.emplace(one.app, one);
    return decide::moves(network, apps, present, placements, options, {});
  }
  Network network;
  std::vector<App> apps;
  std::vector<PlacedReplica> present;
  PlacementOptions options;
  std::map<AppKey, AppPlacement> placements;
};

}  // namespace

TEST_CASE("what a lost site had is made elsewhere, hard objectives before soft ones before best effort") {
  Loss loss(Watts(1000), {app("a-rest", 50), app("b-soft", 95), app("c-hard", 99), app("d-hard", 99.9)});
  CHECK(names(loss.moves()) == Names{"c-hard", "d-hard", "b-soft", "a-rest"});
  for (const auto& [key, placement] : loss.placements) {
    CHECK(placement.replicas.at(0).site == SiteId::of("home"));
    CHECK(placement.leaving.at(0).site == SiteId::of("away"));
    CHECK(placement.decisions.at(0).refusal.reason == RefusalReason::unavailable);
    CHECK(placement.decisions.at(0).refusal.nearest == "away when it is back");
  }
}

TEST_CASE(
    "where power is short the most valuable gets it, what runs stays, and who gets none is told what is missing") {
  App running = app("a-running", 50, Watts(300));
  Loss loss(Watts(500), {running, app("b-soft", 95), app("c-hard", 99), app("d-soft", 95), app("e-hard", 99)},
            {running.key()});
  CHECK(names(loss.moves()) == Names{"c-hard", "e-hard"});
  const auto of = [&](const char* name) { return loss.placements.at({TenantId::of("ayto"), AppName::of(name)}); };
  CHECK(of("a-running").replicas.at(0).site == SiteId::of("home"));
  REQUIRE(of("b-soft").refusal);
  CHECK(of("b-soft").refusal->reason == RefusalReason::power);
  CHECK(of("b-soft").refusal->nearest == "another 100 W of IT power at home");
}

TEST_CASE("in a class, an app that nobody serves comes before one with too few, and fewer watts for a request first") {
  App none = app("a-none", 99, Watts(200));
  App few = app("b-few", 99);
  App cheap = app("c-cheap", 99, Watts(50));
  few.spec.replicas = 3;
  few.spec.work = RequestWork{.device_time = 10ms};
  Loss loss(Watts(5000), {none, few, cheap});
  loss.network.sites.push_back(site("third", Watts(2000)));
  loss.network.sites.push_back(site("fourth", Watts(2000)));
  loss.options.asked = {{none.key(), 100}, {cheap.key(), 100}, {few.key(), 200}};
  loss.present.push_back(at(few, "third"));
  loss.present.push_back(at(few, "fourth"));
  // 200 a second are more than two replicas of 80 take.
  CHECK(names(loss.moves()) == Names{"c-cheap", "a-none", "b-few"});
  // Of which watts are the only difference: what few requests get dearly comes later.
  loss.options.asked[cheap.key()] = 10;
  CHECK(names(loss.moves()) == Names{"a-none", "c-cheap", "b-few"});
}

TEST_CASE(
    "where the others have room for all that is asked, a spare waits until its site is no longer just restarting") {
  App two = app("two", 99);
  two.spec.replicas = 2;
  two.spec.work = RequestWork{.device_time = 10ms};
  const auto moves_after = [&](Duration silent, double asked) {
    Loss loss(Watts(1000), {two}, {two.key()}, silent);
    loss.network.sites.push_back(site("third", Watts(1000)));
    loss.options.asked = {{two.key(), asked}};
    return loss.moves();
  };
  CHECK(moves_after(10s, 70).at(0).may_wait);
  CHECK(next_moves(moves_after(10s, 70), {}, {}).empty());
  CHECK(!moves_after(10s, 90).at(0).may_wait);  // one takes 80
  CHECK(!moves_after(2min, 70).at(0).may_wait);
}

TEST_CASE("at each target so many start at a time, in their order, with those that start already") {
  std::vector<App> apps;
  for (const char* name : {"a", "b", "c", "d", "e"}) apps.push_back(app(name, 99));
  apps.push_back(app("f", 50));
  Loss loss(Watts(1000), apps);
  auto left = loss.moves();
  REQUIRE(left.size() == 6);
  const MovePace pace{.at_once = 2};
  std::map<SiteId, size_t> starting;
  Names order;
  for (int round = 0; round < 3; ++round) {
    const auto begun = next_moves(left, starting, pace);
    CHECK(begun.size() == 2);
    for (const PlacedReplica& replica : begun) {
      order.push_back(replica.app.name.str());
      std::erase_if(left, [&](const Move& move) { return move.replica.id == replica.id; });
    }
    CHECK(next_moves(left, {{SiteId::of("home"), 2}}, pace).empty());
    CHECK(next_moves(left, {{SiteId::of("away"), 2}}, pace).size() == std::min<size_t>(2, left.size()));
  }
  CHECK(order == Names{"a", "b", "c", "d", "e", "f"});
}

TEST_CASE("what leaves a draining site comes in the same order, and is no spare") {
  App two = app("b-two", 99);
  two.spec.replicas = 2;
  Loss loss(Watts(1000), {app("a-rest", 50), two, app("c-hard", 99)}, {two.key()});
  loss.options.lost.clear();
  loss.network.sites[0].status = SiteStatus::draining;
  loss.network.sites.push_back(site("third", Watts(1000)));
  const auto moves = loss.moves();
  CHECK(names(moves) == Names{"b-two", "c-hard", "a-rest"});
  CHECK(std::ranges::none_of(moves, &Move::may_wait));
}

TEST_CASE("what a draining site has that is silent, too, is served by nobody and waits for no return") {
  App two = app("two", 99);
  two.spec.replicas = 2;
  two.spec.work = RequestWork{.device_time = 10ms};
  Loss loss(Watts(1000), {two}, {two.key()});
  loss.network.sites[0].status = SiteStatus::draining;
  loss.network.sites.push_back(site("third", Watts(1000)));
  loss.options.asked = {{two.key(), 70}};
  CHECK(loss.moves().at(0).rank.left == Left::enough);
  CHECK(!loss.moves().at(0).may_wait);
  loss.options.asked = {{two.key(), 90}};
  CHECK(loss.moves().at(0).rank.left == Left::too_few);
}

TEST_CASE("a loss takes no replica from where it runs: requests wait longer there for as long as it lasts") {
  App wide = app("wide", 99);
  wide.spec.replicas.reset();
  wide.spec.work = RequestWork{.device_time = 10ms};
  wide.spec.objective.latency = 55ms;
  wide.spec.demand = {{.name = "here", .location = {40.4, -3.7}, .requests_per_second = 120}};
  Loss loss(Watts(1000), {wide}, {wide.key()});
  loss.network.sites.push_back(site("third", Watts(1000)));
  loss.present.push_back(at(wide, "third"));
  const auto standing = [&] {
    loss.moves();
    return loss.placements.at(wide.key()).replicas.size();
  };
  CHECK(standing() == 2);
  loss.options.lost.clear();
  CHECK(standing() == 3);
}

TEST_CASE("when the site is back, as many stay as are asked, and none is started") {
  App one = app("one", 99);
  Loss loss(Watts(1000), {one}, {one.key()});
  loss.options.lost.clear();
  CHECK(loss.moves().empty());
  const AppPlacement& placement = loss.placements.at(one.key());
  CHECK(placement.replicas.size() == 1);
  CHECK(placement.leaving.size() == 1);
}

}  // namespace barrio::decide::moves_test
