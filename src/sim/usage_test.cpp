// Metering in virtual time: real meters, agents, journals and control, under faults. What control bills in the end is
// what an independent count says, for every app and site, to the last byte. One seed is one run; to repeat a failure,
// set BARRIO_SIM_SEED to the seed it names.
#include <doctest/doctest.h>

#include <cstdlib>

#include "adapters/memory_state/memory_state_store.h"
#include "base/text.h"
#include "sim/seeds_test.h"
#include "sim/spain_test.h"
#include "sim/street_video_test.h"
#include "sim/traffic.h"

namespace barrio::sim::usage_test {

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t fixed_seeds = 1;
constexpr auto days_apart = 2h;
#else
constexpr uint64_t fixed_seeds = 30;
constexpr auto days_apart = 54h;
#endif

/// A crash of control finds a commit before it, in it, or done and not answered.
class SlowCommits final : public ports::StateStore {
 public:
  explicit SlowCommits(ports::Runtime& runtime) : runtime_(runtime), inner_(runtime) {}
  Result<std::optional<ports::Entry>> get(const std::string& key) override {
    runtime_.sleep_for(1ms);
    return inner_.get(key);
  }
  Result<ports::Listing> list(const ports::KeyRange& range) override { return inner_.list(range); }
  Result<ports::Revision> commit(std::vector<ports::Guard> guards, std::vector<ports::Write> writes) override {
    runtime_.sleep_for(5ms);
    auto committed = inner_.commit(std::move(guards), std::move(writes));
    runtime_.sleep_for(5ms);
    return committed;
  }
  Result<ports::Revision> wait_for_change(ports::Revision seen, Time until) override {
    return inner_.wait_for_change(seen, until);
  }
  Result<ports::Lease> hold(const std::string& key, const std::string& value, Duration ttl,
                            ports::Revision seen) override {
    return inner_.hold(key, value, ttl, seen);
  }
  Result<void> keep(const ports::Lease& lease) override { return inner_.keep(lease); }
  Result<void> release(const ports::Lease& lease) override { return inner_.release(lease); }

 private:
  ports::Runtime& runtime_;
  adapters::MemoryStateStore inner_;
};

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
               .agent_period = options.agent_period,
               .make_usage_state = [](ports::Runtime& runtime) { return std::make_unique<SlowCommits>(runtime); }}),
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

  void disturb() {
    Rng& rng = world.loop().rng();
    const auto& sites = world.running_sites();
    const size_t site = sites[rng.below(sites.size())];
    const size_t other = sites[rng.below(sites.size())];
    switch (rng.below(10)) {
      case 0:
      case 1: return world.crash_site(site);
      case 2:
      case 3: return world.boot_site(site);
      case 4: return world.crash_control();
      case 5:
      case 6: return world.boot_control();
      case 7: return world.cut(site, World::at_control);
      case 8: return world.cut(site, other);
      default: return world.crash_replica(site);
    }
  }

  /// As control bills it, over all time.
  std::map<std::pair<AppKey, size_t>, Usage> billed(const WallTime from = *parse_wall_time("2026-01-27")) {
    std::map<std::pair<AppKey, size_t>, Usage> bill;
    bool answered = false;
    world.in_control([&](control::Control& control) {
      api::UsageQuery query;
      query.from = from;
      query.to = from + std::chrono::days(30);
      query.by = {.tenant = true, .app = true, .site = true};
      const auto answer = control.usage()->report(query);
      CHECK(answer.has_value());
      for (const api::UsageSum& line : answer->lines) {
        bill[{AppKey{TenantId::of(line.tenant), AppName::of(line.app)}, world.index(SiteId::of(line.site))}] =
            line.usage;
      }
      answered = true;
    });
    world.loop().run_for(10s);
    CHECK(answered);
    return bill;
  }

  /// Empty when every line is the same in the bill and in the count.
  std::string difference() {
    const auto bill = billed();
    const auto& used = traffic.used();
    for (const auto& [key, usage] : used) {
      const auto line = bill.find(key);
      const std::string at = key.first.str() + " at " + world.network().sites[key.second].id.str() + ": ";
      const std::string wanted = print_json(to_json(usage));
      if (line == bill.end()) return at + "not billed, used " + wanted;
      const std::string is = print_json(to_json(line->second));
      if (is != wanted) return at + "billed " + is + ", used " + wanted;
    }
    return bill.size() == used.size() ? "" : "billed what nobody used";
  }

  Usage all_used() const {
    Usage all;
    for (const auto& [key, usage] : traffic.used()) all += usage;
    return all;
  }

  World world;
  Traffic traffic;
};

/// Empty when all held.
std::string run_with_faults(uint64_t seed) {
  Billing run(seed, {});
  run.traffic.start();
  for (int i = 0; i < 60; ++i) {
    run.world.loop().run_for(from_ms(2000 * run.world.loop().rng().unit()));
    run.disturb();
  }
  run.world.heal_all();
  run.world.loop().run_for(10s);
  run.traffic.stop();
  run.world.loop().run_for(120s);
  const Usage all = run.all_used();
  if (all.served.requests < 500 || all.forwarded.requests < 5) return "too little traffic to mean anything";
  return run.difference();
}

/// Madrid, Barcelona and Bilbao.
Network three_sites() {
  Network network = spain();
  std::erase_if(network.sites, [](const Site& site) {
    return site.id.str() != "mad1" && site.id.str() != "bcn1" && site.id.str() != "bio1";
  });
  return network;
}

}  // namespace

TEST_CASE("after faults heal, what is billed is what was used: by tenant, app and site, exactly") {
  for (const uint64_t seed : seeds(fixed_seeds)) {
    const std::string fault = run_with_faults(seed);
    CHECK_MESSAGE(fault.empty(),
                  "seed " << seed << ": " << fault << "; repeat with BARRIO_SIM_SEED=" << seed << " ./test_sim");
  }
}

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

}  // namespace barrio::sim::usage_test
