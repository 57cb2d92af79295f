// Demand that rises, falls and ends, in virtual time: replicas follow it.
#include <doctest/doctest.h>

#include <algorithm>

#include "adapters/memory_state/memory_state_store.h"
#include "sim/seeds_test.h"
#include "sim/spain_test.h"
#include "sim/street_video_test.h"
#include "sim/traffic.h"

namespace barrio::sim::scale_test {

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t fixed_seeds = 1;
#else
constexpr uint64_t fixed_seeds = 10;
#endif

struct Scaling {
  explicit Scaling(uint64_t seed)
      : world({.network = spain(),
               .make_state =
                   [](ports::Runtime& runtime) { return std::make_unique<adapters::MemoryStateStore>(runtime); },
               .seed = seed,
               .loss = 0}),  // a lost report costs the seconds that are counted here
        few(world),
        many(world) {
    few.add(device("Madrid", 40.42, -3.70));
    for (int i = 0; i < 20; ++i) many.add(device("Getafe", 40.31, -3.73));
    AppSpec spec = street_video(everywhere, "ES");
    spec.work = RequestWork{.device_time = 35ms};
    spec.scale = ScaleSpec{.most = 5, .idle = 5min, .warm_up = 5s};
    world.checker().deployed(everywhere, spec.policy);
    world.in_control(
        [this, spec](control::Control& control) { deployed = control.deploy(everywhere.tenant, spec).has_value(); });
    world.loop().run_for(10s);
  }

  /// One of some that together ask 100 times a second: three and a half replicas have no other time.
  static SimDevice device(const char* place, double lat, double lon) {
    return {{place, {lat, lon}, Access::fibre, *Jurisdiction::parse("ES-MD")}, everywhere, only_in("ES"), 200ms};
  }

  size_t running() {
    size_t count = 0;
    for (const size_t site : world.running_sites()) {
      if (!world.is_up(site)) continue;
      for (const auto& [id, replica] : world.workloads(site).replicas()) count += replica.runs ? 1 : 0;
    }
    return count;
  }

  World world;
  Traffic few;
  Traffic many;
  bool deployed = false;
};

}  // namespace

TEST_CASE("replicas follow demand up within five seconds, down after minutes, and lose no request on the way") {
  for (const uint64_t seed : seeds(fixed_seeds)) {
    CAPTURE(seed);
    Scaling run(seed);
    REQUIRE(run.deployed);
    CHECK(run.running() == 1);
    run.few.start();
    run.world.loop().run_for(30s);
    CHECK(run.running() == 1);
    run.many.start();
    // What was decided within five seconds has started a second later.
    run.world.loop().run_for(6s);
    CHECK(run.running() >= 4);
    run.world.loop().run_for(10s);
    run.many.stop();
    run.world.loop().run_for(5s);  // what had to wait is answered
    run.few.reset();
    run.world.loop().run_for(2min);
    CHECK(run.running() >= 4);
    run.world.loop().run_for(2min);
    CHECK(run.running() == 1);
    const Tally& tally = run.few.tally(0);
    CHECK(tally.of(Outcome::lost) == 0);
    CHECK(tally.of(Outcome::refused) == 0);
    CHECK(run.world.checker().violations().empty());
  }
}

TEST_CASE("an app that nobody asks has no replica, and the first who asks again is answered within its warm-up") {
  for (const uint64_t seed : seeds(fixed_seeds)) {
    CAPTURE(seed);
    Scaling run(seed);
    REQUIRE(run.deployed);
    run.few.start();
    run.world.loop().run_for(10s);
    run.few.stop();
    run.world.loop().run_for(4min);
    CHECK(run.running() == 1);
    run.world.loop().run_for(90s);
    CHECK(run.running() == 0);
    run.world.crash_control();
    run.world.boot_control();
    run.world.loop().run_for(30s);
    CHECK(run.running() == 0);
    run.few.reset();
    run.few.start();
    run.world.loop().run_for(5s);
    CHECK(run.few.tally(0).of(Outcome::refused) > 0);
    CHECK(run.few.tally(0).of(Outcome::lost) == 0);
    CHECK(run.running() == 1);
    run.few.reset();
    run.world.loop().run_for(5s);
    CHECK(run.few.tally(0).of(Outcome::answered) * 100 >= run.few.tally(0).sent * 95);
  }
}

}  // namespace barrio::sim::scale_test
