// The network of data/networks/spain.yaml in virtual time: single faults, and what exactly comes of each. Under many at
// once: swarm_test.
#include <doctest/doctest.h>

#include "adapters/memory_state/memory_state_store.h"
#include "base/text.h"
#include "sim/spain_test.h"
#include "sim/street_video_test.h"
#include "sim/traffic.h"

namespace barrio::sim::first_light_test {

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t fixed_seeds = 1;
#else
constexpr uint64_t fixed_seeds = 9;
#endif

SimDevice camera(const AppKey& app, std::string_view area, const char* place, double lat, double lon,
                 const char* region) {
  return {{place, {lat, lon}, Access::fibre, *Jurisdiction::parse(region)}, app, only_in(area)};
}

struct FirstLight {
  explicit FirstLight(uint64_t seed)
      : world({.network = spain(),
               .make_state =
                   [](ports::Runtime& runtime) { return std::make_unique<adapters::MemoryStateStore>(runtime); },
               .seed = seed}),
        traffic(world) {
    traffic.add(camera(everywhere, "ES", "Vigo", 42.24, -8.72, "ES-GA"));
    traffic.add(camera(everywhere, "ES", "Granada", 37.18, -3.60, "ES-AN"));
    traffic.add(camera(everywhere, "ES", "Ibiza", 38.91, 1.43, "ES-IB"));
    traffic.add(camera(everywhere, "ES", "Madrid", 40.42, -3.70, "ES-MD"));
    traffic.add(camera(everywhere, "ES", "Barcelona", 41.39, 2.17, "ES-CT"));
    traffic.add(camera(everywhere, "ES", "Bilbao", 43.26, -2.93, "ES-PV"));
    basque_camera = 6;
    traffic.add(camera(basque, "ES-PV", "Donostia", 43.32, -1.98, "ES-PV"));
    deploy(everywhere, "ES");
    deploy(basque, "ES-PV");
    world.loop().run_for(10s);
  }

  void deploy(const AppKey& key, std::string_view area) {
    world.checker().deployed(key, only_in(area));
    world.in_control([this, key, area = std::string(area)](control::Control& control) {
      const auto deployed = control.deploy(key.tenant, street_video(key, area));
      refused = refused || !deployed;
    });
    world.loop().run_for(1s);
  }

  size_t site(const char* id) const { return world.index(SiteId::of(id)); }

  World world;
  Traffic traffic;
  size_t basque_camera = 0;
  bool refused = false;
};

std::string violations(const FirstLight& run) {
  const auto& all = const_cast<FirstLight&>(run).world.checker().violations();
  return join_text(std::span<const std::string>(all.data(), std::min<size_t>(all.size(), 5)), "; ");
}

}  // namespace

TEST_CASE("the same seed gives the same run") {
  auto run = [](uint64_t seed) {
    FirstLight light(seed);
    light.traffic.start();
    light.world.loop().run_for(5s);
    return std::tuple(light.traffic.total().sent, light.traffic.total().ended, light.world.checker().checked());
  };
  CHECK(run(3) == run(3));
  CHECK(run(3) != run(4));
}

TEST_CASE("with control down requests go on being answered, also by a site restarted meanwhile") {
  FirstLight light(11);
  const size_t barcelona = light.site("bcn1");
  light.world.crash_control();
  light.world.loop().run_for(1s);
  light.world.crash_site(barcelona);
  light.world.loop().run_for(5s);
  light.world.boot_site(barcelona);
  light.world.loop().run_for(20s);
  light.traffic.start();
  light.world.loop().run_for(10s);
  const Tally total = light.traffic.total();
  CHECK(total.of(Outcome::lost) == 0);
  CHECK(total.of(Outcome::answered) > 150);
  CHECK(light.traffic.served_by(4).contains(barcelona));
  CHECK_MESSAGE(light.world.checker().violations().empty(), violations(light));
}

TEST_CASE("the Basque tenant's frames are refused while Bilbao is away, never processed elsewhere") {
  FirstLight light(12);
  const size_t bilbao = light.site("bio1");
  light.traffic.start();
  light.world.loop().run_for(5s);
  CHECK(light.traffic.served_by(light.basque_camera) == std::set<size_t>{bilbao});
  light.world.crash_site(bilbao);
  light.world.loop().run_for(5s);
  light.traffic.reset();
  light.world.loop().run_for(10s);
  const Tally& away = light.traffic.tally(light.basque_camera);
  CHECK(away.of(Outcome::answered) == 0);
  CHECK(away.of(Outcome::refused) > 20);
  CHECK(light.traffic.tally(5).of(Outcome::answered) > 20);
  light.world.boot_site(bilbao);
  light.world.loop().run_for(20s);
  light.traffic.reset();
  light.world.loop().run_for(5s);
  CHECK(light.traffic.tally(light.basque_camera).of(Outcome::answered) > 8);
  CHECK_MESSAGE(light.world.checker().violations().empty(), violations(light));
}

TEST_CASE("draining a site loses no request: its app moves, its last requests are answered, and it can be retired") {
  for (uint64_t seed = 21; seed < 21 + fixed_seeds / 3; ++seed) {
    FirstLight light(seed);
    const AppKey single{TenantId::of("city"), AppName::of("single")};
    light.world.checker().deployed(single, only_in("ES"));
    size_t first = SIZE_MAX;
    light.world.in_control([&](control::Control& control) {
      AppSpec spec = street_video(single, "ES");
      spec.replicas = 1;
      const auto deployed = control.deploy(single.tenant, spec);
      REQUIRE(deployed);
      first = light.world.index(deployed->placement.replicas.at(0).site);
    });
    light.world.loop().run_for(5s);
    light.traffic.add(camera(single, "ES", "Vigo", 42.24, -8.72, "ES-GA"));
    light.traffic.add(camera(single, "ES", "Madrid", 40.42, -3.70, "ES-MD"));
    light.traffic.start();
    light.world.loop().run_for(5s);
    REQUIRE(first != SIZE_MAX);
    CHECK(light.traffic.served_by(7).contains(first));
    const SiteId id = light.world.network().sites[first].id;
    light.world.in_control([&](control::Control& control) { REQUIRE(control.set_status(id, SiteStatus::draining)); });
    light.world.loop().run_for(30s);
    CHECK(light.world.workloads(first).replicas().empty());
    light.traffic.reset();
    light.world.loop().run_for(5s);
    for (size_t device : {size_t{7}, size_t{8}}) {
      CHECK_FALSE(light.traffic.served_by(device).contains(first));
    }
    bool retired = false;
    light.world.in_control(
        [&](control::Control& control) { retired = control.set_status(id, SiteStatus::retired).has_value(); });
    light.world.loop().run_for(2s);
    CHECK(retired);
    CHECK_MESSAGE(light.world.checker().violations().empty(), violations(light));
  }
}

TEST_CASE("not one request is refused or lost while a site drains") {
  for (uint64_t seed = 41; seed < 41 + fixed_seeds / 3; ++seed) {
    FirstLight light(seed);
    light.traffic.start();
    light.world.loop().run_for(2s);
    light.traffic.reset();
    light.world.in_control([&](control::Control& control) {
      for (const char* id : {"mad1", "bcn1", "bio1"}) REQUIRE(control.set_status(SiteId::of(id), SiteStatus::draining));
    });
    light.world.loop().run_for(30s);
    light.traffic.stop();
    light.world.loop().run_for(10s);
    CHECK(light.traffic.total().sent > 500);
    for (size_t device = 0; device < light.basque_camera; ++device) {
      const Tally& tally = light.traffic.tally(device);
      CHECK(tally.of(Outcome::answered) == tally.sent);
    }
    // Some of its requests enter at sites that may not read them, whatever drains.
    CHECK(light.traffic.tally(light.basque_camera).of(Outcome::lost) == 0);
    CHECK(light.traffic.served_by(light.basque_camera) == std::set<size_t>{light.site("bio1")});
    // The Basque tenant has nowhere else: its replica stays.
    CHECK(light.world.workloads(light.site("bio1")).replicas().size() == 1);
    CHECK(light.world.workloads(light.site("mad1")).replicas().empty());
  }
}

TEST_CASE("a site cut off from everything serves its own devices from its last snapshot") {
  FirstLight light(13);
  const size_t palma = light.site("pmi1");
  for (const size_t other : light.world.running_sites()) light.world.cut(palma, other);
  light.world.cut(palma, World::at_control);
  light.world.crash_site(palma);
  light.world.boot_site(palma);
  light.world.loop().run_for(5s);
  light.traffic.start();
  light.world.loop().run_for(10s);
  CHECK(light.traffic.served_by(2).contains(palma));
  CHECK(light.traffic.tally(2).of(Outcome::answered) > 20);
}

TEST_CASE("what the other tests rely on can fail: a dead replica is a difference, and a broken policy is a violation") {
  FirstLight light(14);
  CHECK_FALSE(light.world.difference().has_value());
  light.world.crash_replica(light.site("mad1"));
  CHECK(light.world.difference().has_value());
  light.world.checker().deployed(everywhere, only_in("ES-PV"));
  light.traffic.start();
  light.world.loop().run_for(5s);
  CHECK_FALSE(light.world.checker().violations().empty());
}

}  // namespace barrio::sim::first_light_test
