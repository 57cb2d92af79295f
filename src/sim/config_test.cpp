// Changes of configuration in virtual time: a poisoned one comes to one site and goes back, a good one comes to all.
#include <doctest/doctest.h>

#include "adapters/memory_state/memory_state_store.h"
#include "sim/seeds_test.h"
#include "sim/spain_test.h"
#include "sim/street_video_test.h"
#include "sim/traffic.h"

namespace barrio::sim::config_test {

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t fixed_seeds = 1;
#else
constexpr uint64_t fixed_seeds = 10;
#endif

constexpr Duration poisoned = 5s;  // an access network as slow as that answers nobody in time

struct Configured {
  explicit Configured(uint64_t seed, size_t members = 1, double loss = WorldConfig().loss)
      : world({.network = spain(),
               .make_state =
                   [](ports::Runtime& runtime) { return std::make_unique<adapters::MemoryStateStore>(runtime); },
               .seed = seed,
               .members = members,
               .loss = loss}),
        traffic(world) {
    AppSpec spec = street_video(everywhere, "ES");
    world.checker().deployed(everywhere, spec.policy);
    for (const size_t site : world.running_sites()) {
      const Site& home = world.network().sites[site];
      traffic.add({{home.city, home.location, Access::fibre, home.jurisdiction}, everywhere, spec.policy});
    }
    world.loop().run_for(5s);
    world.in_control([spec](control::Control& control) { REQUIRE(control.deploy(everywhere.tenant, spec)); });
    world.loop().run_for(10s);
    traffic.start();
    world.loop().run_for(20s);
  }

  void set_access(Duration access) {
    world.in_control([access](control::Control& control) {
      NetworkSettings settings = control.network_settings();
      settings.paths.access_fibre = access;
      REQUIRE(control.set_network_settings(settings, {"operator", "operator"}));
    });
  }

  /// Whose gateways decide by this.
  std::set<size_t> with_access(Duration access) {
    std::set<size_t> found;
    for (const size_t site : world.running_sites()) {
      const Snapshot* snapshot = world.is_up(site) ? world.dispatcher(site).snapshot() : nullptr;
      if (snapshot != nullptr && snapshot->network.paths.access_fibre == access) found.insert(site);
    }
    return found;
  }

  /// Those that have had it at some time from now on.
  std::set<size_t> reached(Duration access, Duration within) {
    std::set<size_t> all;
    for (Duration gone{}; gone < within; gone += 100ms) {
      world.loop().run_for(100ms);
      all.merge(with_access(access));
    }
    return all;
  }

  size_t served() {
    size_t count = 0;
    for (size_t device = 0; device < traffic.devices(); ++device) {
      const Tally& tally = traffic.tally(device);
      count += tally.of(Outcome::answered) * 10 >= tally.sent * 9 ? 1 : 0;
    }
    return count;
  }

  World world;
  Traffic traffic;
};

}  // namespace

TEST_CASE("config: a poisoned change reaches one site, where requests fail, and is gone within 60 s by itself") {
  Duration longest{};
  for (const uint64_t seed : seeds(fixed_seeds)) {
    CAPTURE(seed);
    Configured run(seed);
    CHECK(run.served() == run.traffic.devices());
    run.set_access(poisoned);
    run.traffic.reset();
    const Time asked = run.world.loop().now();
    auto reached = run.reached(poisoned, 2s);
    while (!run.with_access(poisoned).empty() && run.world.loop().now() - asked < 60s) {
      reached.merge(run.reached(poisoned, 100ms));
    }
    longest = std::max(longest, run.world.loop().now() - asked);
    reached.merge(run.reached(poisoned, 60s - (run.world.loop().now() - asked)));
    CHECK(reached.size() == 1);
    CHECK(run.with_access(poisoned).empty());
    // The others' devices noticed nothing; placement neither.
    CHECK(run.served() >= run.traffic.devices() - 1);
    CHECK(run.world.wanted()->replicas.size() == run.world.running_sites().size());
    run.traffic.reset();
    run.world.loop().run_for(20s);
    CHECK(run.served() == run.traffic.devices());
    CHECK(run.world.checker().violations().empty());
  }
  MESSAGE("gone after at most " << to_ms(longest) / 1000 << " s");
}

TEST_CASE("config: a poisoned change goes back within 60 s, too, when the leader that gave it out is killed") {
  for (const uint64_t seed : seeds(fixed_seeds)) {
    CAPTURE(seed);
    Configured run(seed, 3);
    run.set_access(poisoned);
    const Time asked = run.world.loop().now();
    while (run.with_access(poisoned).empty() && run.world.loop().now() - asked < 5s) run.world.loop().run_for(10ms);
    REQUIRE(run.with_access(poisoned).size() == 1);
    const auto leads = run.world.leader();
    REQUIRE(leads);
    run.world.crash_control(*leads);
    CHECK(run.reached(poisoned, 60s - (run.world.loop().now() - asked)).size() == 1);
    CHECK(run.with_access(poisoned).empty());
    run.world.boot_control(*leads);
    CHECK(run.reached(poisoned, 30s).empty());
  }
}

TEST_CASE("config: a good change is at every gateway within 60 s, and no device notices") {
  for (const uint64_t seed : seeds(fixed_seeds)) {
    CAPTURE(seed);
    Configured run(seed, 1, 0);
    run.traffic.reset();
    run.set_access(3ms);
    run.world.loop().run_for(60s);
    CHECK(run.with_access(3ms).size() == run.world.running_sites().size());
    CHECK(run.served() == run.traffic.devices());
    CHECK(run.world.difference().value_or("") == "");
  }
}

// One lost report, and control has not heard the first site for 3 s: it soaks from the beginning once it is back, since
// it may have crashed by the change.
TEST_CASE("config: where reports are lost a good change takes longer, but comes everywhere") {
  Duration longest{};
  for (const uint64_t seed : seeds(fixed_seeds)) {
    CAPTURE(seed);
    Configured run(seed);
    run.traffic.reset();
    run.set_access(3ms);
    const Time asked = run.world.loop().now();
    const auto is_everywhere = [&] {
      return run.with_access(3ms).size() == run.world.running_sites().size() && !run.world.difference();
    };
    while (!is_everywhere() && run.world.loop().now() - asked < 180s) run.world.loop().run_for(100ms);
    longest = std::max(longest, run.world.loop().now() - asked);
    CHECK(is_everywhere());
    CHECK(run.served() == run.traffic.devices());
  }
  MESSAGE("everywhere after at most " << to_ms(longest) / 1000 << " s");
}

}  // namespace barrio::sim::config_test
