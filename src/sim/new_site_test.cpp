// Sites that are added to a network that runs, in virtual time: what they are given before their machines are there,
// and after.
#include <doctest/doctest.h>

#include "adapters/memory_state/memory_state_store.h"
#include "base/text.h"
#include "sim/seeds_test.h"
#include "sim/spain_test.h"
#include "sim/street_video_test.h"
#include "sim/world.h"

namespace barrio::sim::new_site_test {

namespace {

constexpr uint64_t fixed_seeds = 3;

struct Growth {
  explicit Growth(uint64_t seed)
      : world({.network = with_late_sites(spain(), 1),
               .make_state =
                   [](ports::Runtime& runtime) { return std::make_unique<adapters::MemoryStateStore>(runtime); },
               .seed = seed,
               .members = 3,
               .loss = 0,
               .late_sites = 1}),
        late(world.late_sites().front()) {
    world.loop().run_for(15s);
  }

  /// Asked for at the late site, and best served there.
  AppKey deploy(const std::string& name, const Policy& policy) {
    const AppKey key{TenantId::of("t"), AppName::of(name)};
    AppSpec spec = street_video(key, "ES");
    spec.policy = policy;
    spec.replicas = 1;
    spec.demand = {{"there", site().location}};
    world.checker().deployed(key, policy);
    Checker::number(spec, ++apps);
    world.checker().asked(key, apps, Checker::Change::deploy);
    world.in_control([spec](control::Control& control) { CHECK(control.deploy(TenantId::of("t"), spec)); });
    return key;
  }
  /// Where its replicas are wanted, and ready or not.
  std::map<SiteId, ReplicaPhase> replicas(const AppKey& app) const {
    std::map<SiteId, ReplicaPhase> at;
    for (const Replica& replica : world.wanted()->replicas) {
      if (replica.app == app) at[replica.site] = replica.phase;
    }
    return at;
  }
  const Site& site() const { return world.network().sites[late]; }

  World world;
  size_t late;
  int64_t apps = 0;
};

}  // namespace

TEST_CASE("a site that was added is given what others have no room for until its machine speaks, and then its share") {
  for (const uint64_t seed : seeds(fixed_seeds)) {
    CAPTURE(seed);
    Growth run(seed);
    run.world.join_site(run.late);
    run.world.loop().run_for(1s);
    REQUIRE(run.world.wanted()->network.find(run.site().id)->status == SiteStatus::active);
    const AppKey anywhere = run.deploy("anywhere", only_in("ES"));
    const AppKey only_there = run.deploy("only-there", {{}, {run.site().id}, {}});
    run.world.loop().run_for(20s);
    CHECK(run.replicas(anywhere).size() == 1);
    CHECK(!run.replicas(anywhere).contains(run.site().id));
    CHECK(run.replicas(anywhere).begin()->second == ReplicaPhase::ready);
    CHECK(run.replicas(only_there).at(run.site().id) == ReplicaPhase::starting);
    // Who leads next knows no less.
    run.world.crash_control(*run.world.leader());
    run.world.loop().run_for(10s);
    REQUIRE(run.world.leader());
    const AppKey later = run.deploy("later", only_in("ES"));
    run.world.loop().run_for(1s);
    CHECK(!run.replicas(later).contains(run.site().id));
    run.world.boot_site(run.late);
    run.world.loop().run_for(4s);
    CHECK(run.replicas(only_there).at(run.site().id) == ReplicaPhase::ready);
    const AppKey last = run.deploy("last", only_in("ES"));
    run.world.loop().run_for(4s);
    CHECK(run.replicas(last).contains(run.site().id));
    const auto& violations = run.world.checker().violations();
    CHECK_MESSAGE(violations.empty(), join_text(std::span<const std::string>(violations), "; "));
  }
}

}  // namespace barrio::sim::new_site_test
