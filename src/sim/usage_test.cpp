// Metering in virtual time: real meters, agents, journals and control. What control bills in the end is what an
// independent count says, for every app and site, to the last byte. Under all faults: swarm_test.
#include <doctest/doctest.h>

#include "adapters/memory_state/memory_state_store.h"
#include "sim/billing_test.h"
#include "sim/spain_test.h"
#include "sim/street_video_test.h"
#include "sim/traffic.h"

namespace barrio::sim::usage_test {

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr auto days_apart = 2h;
#else
constexpr auto days_apart = 54h;
#endif

struct Options {
  Network network = spain();
  double loss = 0.05;
  double doubled = 0.1;
  Duration agent_period = 500ms;
  Duration device_period = 100ms;
};

struct Billing {
  Billing(uint64_t seed, const Options& options)
      : world({.network = options.network,
               .make_state =
                   [](ports::Runtime& runtime) { return std::make_unique<adapters::MemoryStateStore>(runtime); },
               .seed = seed,
               .loss = options.loss,
               .doubled = options.doubled,
               .agent_period = options.agent_period}),
        traffic(world) {
    camera(everywhere, "ES", "Madrid", 40.42, -3.70, "ES-MD", options.device_period);
    camera(everywhere, "ES", "Barcelona", 41.39, 2.17, "ES-CT", options.device_period);
    camera(everywhere, "ES", "Bilbao", 43.26, -2.93, "ES-PV", options.device_period);
    camera(everywhere, "ES", "Vigo", 42.24, -8.72, "ES-GA", options.device_period);
    camera(basque, "ES-PV", "Donostia", 43.32, -1.98, "ES-PV", options.device_period);
    deploy(everywhere, "ES");
    deploy(basque, "ES-PV");
    world.loop().run_for(10s + 4 * options.agent_period);
  }

  void camera(const AppKey& app, std::string_view area, const char* place, double lat, double lon, const char* region,
              Duration period) {
    traffic.add({{place, {lat, lon}, Access::fibre, *Jurisdiction::parse(region)}, app, only_in(area), period});
  }

  void deploy(const AppKey& key, std::string_view area) {
    world.checker().deployed(key, only_in(area));
    world.in_control([key, area = std::string(area)](control::Control& control) {
      static_cast<void>(control.deploy(key.tenant, street_video(key, area)));
    });
    world.loop().run_for(1s);
  }

  std::string difference() { return bill_difference(world, traffic); }

  Usage all_used() const {
    Usage all;
    for (const auto& [key, usage] : traffic.used()) all += usage;
    return all;
  }

  World world;
  Traffic traffic;
};

/// Madrid, Barcelona and Bilbao.
Network three_sites() {
  Network network = spain();
  std::erase_if(network.sites, [](const Site& site) {
    return site.id.str() != "mad1" && site.id.str() != "bcn1" && site.id.str() != "bio1";
  });
  return network;
}

}  // namespace

TEST_CASE("days without control, with sites restarted meanwhile, are billed hour by hour once it is back") {
  Billing run(21, {.network = three_sites(), .agent_period = 10s, .device_period = 5s});
  const auto& sites = run.world.running_sites();
  run.traffic.start();
  run.world.loop().run_for(10min);
  for (const size_t site : sites) run.world.cut(site, World::at_control);
  for (auto passed = 0h; passed < days_apart; passed += 1h) {
    run.world.loop().run_for(59min);
    const size_t restarted = sites[static_cast<size_t>(passed / 1h) % sites.size()];
    run.world.crash_site(restarted);
    run.world.loop().run_for(1min);
    run.world.boot_site(restarted);
  }
  const Usage before = run.all_used();
  CHECK(run.difference() != "");  // control cannot know yet
  run.world.heal_all();
  run.world.loop().run_for(2min);
  run.traffic.stop();
  run.world.loop().run_for(1min);
  CHECK(before.served.requests > 100 * (days_apart / 1h));
  const std::string difference = run.difference();
  CHECK_MESSAGE(difference.empty(), difference);
}

TEST_CASE("a control that lost the last hours of its usage gets them again from the sites") {
  Billing run(22, {.network = three_sites()});
  run.traffic.start();
  run.world.loop().run_for(30s);
  run.world.lose_usage();
  run.world.loop().run_for(30s);
  run.traffic.stop();
  run.world.loop().run_for(30s);
  const std::string difference = run.difference();
  CHECK_MESSAGE(difference.empty(), difference);
}

TEST_CASE(
    "past its cap a tenant spends what sites answer in a quarter of a minute, and nothing once all of them know") {
  // No message is lost: each loss would add a period of the sync, half a second.
  Billing run(23, {.network = three_sites(), .loss = 0, .doubled = 0});
  const auto requests = [&](const TenantId& tenant) {
    int64_t all = 0;
    for (const auto& [key, usage] : run.traffic.used()) all += key.first.tenant == tenant ? usage.served.requests : 0;
    return all;
  };
  const TenantId tenant = everywhere.tenant;
  constexpr int64_t cap = 2000;
  run.world.in_control([&](control::Control& control) {
    CHECK(control.add_tenant(tenant).has_value());
    PriceList list{month_of(run.world.wall(run.world.running_sites().front())), {}};
    list.prices.per_1000_requests = *Euros::parse("1000EUR");
    CHECK(control.set_prices(list).has_value());
    CHECK(control.set_spend_cap(tenant, Euros::of_nanos(cap * Euros::nanos_each)).has_value());
  });
  run.traffic.start();
  while (requests(tenant) < cap) run.world.loop().run_for(100ms);
  const int64_t reached = requests(tenant);
  const Time since = run.world.loop().now();
  // Journaled within 1 s, shipped within 10.5 s more, counted within 1 s, told with the next sync.
  run.world.loop().run_for(15s);
  const int64_t stopped = requests(tenant);
  run.world.loop().run_for(60s);
  CHECK(requests(tenant) == stopped);
  MESSAGE("cap " << cap << ", answered when it was reached " << reached << ", in the end " << stopped << " ("
                 << to_ms(run.world.loop().now() - since) << " ms)");
  // Control is lost, and sites start anew: they still know.
  for (const size_t site : run.world.running_sites()) {
    run.world.cut(site, World::at_control);
    run.world.crash_site(site);
    run.world.boot_site(site);
  }
  run.world.loop().run_for(60s);
  CHECK(requests(tenant) == stopped);
  // With the month it ends by itself.
  const WallTime now = run.world.wall(run.world.running_sites().front());
  for (const size_t site : run.world.running_sites()) run.world.set_clock(site, next_month(now) - now);
  run.world.loop().run_for(10s);
  CHECK(requests(tenant) > stopped);
}

}  // namespace barrio::sim::usage_test
