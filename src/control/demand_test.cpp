#include <doctest/doctest.h>
// doctest first: base/check.h leaves its CHECK alone.
#include "control/world_test.h"

namespace barrio::control::demand_test {

namespace {

const TenantId traffic = TenantId::of("traffic");
const AppKey street{traffic, AppName::of("street")};

/// A replica takes 40 requests a second and stays below 80 % of its time.
AppSpec scaling(std::optional<Duration> idle = {}) {
  AppSpec spec = people_app("street", "ES");
  spec.work = RequestWork{.device_time = 20ms};
  spec.scale = ScaleSpec{.most = 4, .idle = idle, .warm_up = 5s};
  return spec;
}

Flow flow(double rate) {
  Flow made;
  made.app = street;
  made.place = "Madrid";
  made.location = {40.4, -3.7};
  made.offered_2s = rate;
  made.offered_10s = rate;
  return made;
}

/// A gateway far away, with no replica, sees so many requests of Madrid's devices a second.
void asked(World& world, double rate) {
  std::vector<Flow> flows;
  if (rate > 0) flows.push_back(flow(rate));
  REQUIRE(world.control->sync({SiteId::of("lcg1"), 0, "127.0.0.1:7000", {}, flows}));
  REQUIRE(world.control->step());
}

/// All that is ordered runs, and what was let go is gone: until nothing changes.
void settle(World& world) {
  for (int round = 0; round < 5; ++round) {
    for (const Site& site : world.config.network.sites) {
      std::vector<ReplicaReport> reports;
      for (const ReplicaOrder& order : world.sync(site.id.str()).run) {
        if (!order.leave_within) reports.push_back({order.id, order.generation, ReplicaPhase::ready, "", 0});
      }
      world.runtime.sleep_until(world.runtime.now() + 10ms);
      world.sync(site.id.str(), reports);
    }
    REQUIRE(world.control->step());
  }
}

size_t replicas(World& world) {
  return world.control->snapshot()->replicas.size();
}

void pass(World& world, Duration time) {
  world.runtime.sleep_until(world.runtime.now() + time);
}

}  // namespace

TEST_CASE("replicas are there in the step after more was asked, and never more than the app allows") {
  World world;
  REQUIRE(world.control->deploy(traffic, scaling()));
  CHECK(replicas(world) == 1);
  asked(world, 100);
  CHECK(replicas(world) == 3);
  asked(world, 2500);
  CHECK(replicas(world) == 4);
  const auto explained = world.control->explain(street);
  REQUIRE(explained);
  CHECK(explained->demand.find("2500 requests/s within the last 3 minutes") != std::string::npos);
}

TEST_CASE("when less is asked replicas leave, but only after a while and once others are ready") {
  World world;
  REQUIRE(world.control->deploy(traffic, scaling()));
  asked(world, 100);
  settle(world);
  REQUIRE(replicas(world) == 3);
  pass(world, 2min);
  asked(world, 10);
  CHECK(replicas(world) == 3);
  pass(world, 70s);
  asked(world, 10);
  CHECK(replicas(world) == 3);  // two of them leave: their requests are answered first
  settle(world);
  CHECK(replicas(world) == 1);
}

TEST_CASE("a rate that trembles changes nothing in the store") {
  World world;
  REQUIRE(world.control->deploy(traffic, scaling()));
  asked(world, 100);
  settle(world);
  const auto before = world.store.list("replica/")->revision;
  for (int i = 0; i < 20; ++i) asked(world, 100 - (i % 3) * 0.5);
  CHECK(world.store.list("replica/")->revision == before);
}

TEST_CASE("an app that sleeps has no replica until somebody asks, also after a restart of control") {
  World world;
  REQUIRE(world.control->deploy(traffic, scaling(60s)));
  settle(world);
  asked(world, 10);
  pass(world, 59s);
  asked(world, 0);
  CHECK(replicas(world) == 1);
  pass(world, 2s);
  asked(world, 0);
  CHECK(replicas(world) == 0);
  const auto explained = world.control->explain(street);
  CHECK(explained->demand.find("no replica while nobody asks") != std::string::npos);
  world.restart();
  pass(world, 1s);
  asked(world, 0);
  CHECK(replicas(world) == 0);
  asked(world, 1);
  CHECK(replicas(world) == 1);
}

TEST_CASE("a new leader lets nothing go before it has heard for as long as demand is held") {
  World world;
  REQUIRE(world.control->deploy(traffic, scaling()));
  asked(world, 100);
  settle(world);
  world.restart();
  asked(world, 10);
  settle(world);
  CHECK(replicas(world) == 3);
  pass(world, 3min);
  asked(world, 10);
  settle(world);
  CHECK(replicas(world) == 1);
}

TEST_CASE("a new release of an app that sleeps is started, so that it is known to start") {
  World world;
  REQUIRE(world.control->deploy(traffic, scaling(60s)));
  settle(world);
  pass(world, 61s);
  asked(world, 0);
  REQUIRE(replicas(world) == 0);
  AppSpec changed = scaling(60s);
  changed.resources.memory = mib(256);
  REQUIRE(world.control->deploy(traffic, changed));
  CHECK(replicas(world) == 1);
}

TEST_CASE("what an hour of the day usually brings is there before it, also after a restart of control") {
  World world;
  REQUIRE(world.control->deploy(traffic, scaling()));
  // The runtime's calendar begins in the middle of a day, at a full hour.
  pass(world, 1h);
  asked(world, 0);
  asked(world, 100);
  pass(world, 1h);
  asked(world, 0);
  settle(world);
  world.restart();
  settle(world);
  CHECK(replicas(world) == 1);
  pass(world, 22h + 45min);
  asked(world, 0);
  CHECK(replicas(world) == 1);
  pass(world, 6min);
  asked(world, 0);
  CHECK(replicas(world) == 3);
}

TEST_CASE("without scale the number stays, and where users are decides where") {
  World world;
  AppSpec spec = people_app("street", "ES");
  spec.replicas = 1;
  REQUIRE(world.control->deploy(traffic, spec));
  settle(world);
  Flow far = flow(50);
  far.place = "Málaga";
  far.location = {36.72, -4.42};
  REQUIRE(world.control->sync({SiteId::of("lcg1"), 0, "127.0.0.1:7000", {}, {far}}));
  REQUIRE(world.control->step());
  CHECK(replicas(world) == 1);
  CHECK(world.replica_sites() != std::set<std::string>{"agp1"});
  settle(world);
  REQUIRE(world.control->sync({SiteId::of("lcg1"), 0, "127.0.0.1:7000", {}, {far}}));
  const auto started = world.control->improve();
  REQUIRE(started);
  CHECK(*started == 1);
  settle(world);
  CHECK(world.replica_sites() == std::set<std::string>{"agp1"});
}

TEST_CASE("control that stops does not search for better places first") {
  World world;
  world.config.improve_every = 100ms;
  world.restart();
  auto spec = people_app("street", "ES");
  spec.replicas = 1;
  REQUIRE(world.control->deploy(traffic, spec));
  settle(world);
  const auto from_malaga = [&] {
    Flow far = flow(50);
    far.place = "Málaga";
    far.location = {36.72, -4.42};
    REQUIRE(world.control->sync({SiteId::of("lcg1"), 0, "127.0.0.1:7000", {}, {far}}));
    REQUIRE(world.control->step());
  };
  from_malaga();
  settle(world);
  from_malaga();
  world.runtime.stop_at(world.runtime.now() + 50ms);
  const size_t searched = world.runtime.offloads();
  world.control->keep_improving();
  CHECK(world.runtime.offloads() == searched);
  REQUIRE(world.control->step());
  CHECK(replicas(world) == 1);
  CHECK(*world.control->improve() == 0);  // nor go on with one that has begun
  world.runtime.stop_at(world.runtime.now() + 150ms);
  world.control->keep_improving();
  CHECK(world.runtime.offloads() > searched + 1);
  REQUIRE(world.control->step());
  CHECK(replicas(world) == 2);  // there was a better place
}

TEST_CASE("scale without the time that a request takes is refused, and so is less than the replicas asked") {
  AppSpec spec = scaling();
  spec.work.reset();
  CHECK(spec.check().error().where == "work");
  spec = scaling();
  spec.replicas = 5;
  CHECK(spec.check().error().where == "scale.most");
}

}  // namespace barrio::control::demand_test
