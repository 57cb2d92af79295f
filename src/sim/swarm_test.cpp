// Everything at once, in virtual time: the members of control, all sites' agents, gateways and meters, apps that are
// deployed, changed and deleted, devices that ask, and faults of which each seed has some kinds switched on. One seed
// is one run. docs/testing.md says what holds after every event, and how to run a thousand of them.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "adapters/memory_state/memory_state_store.h"
#include "base/text.h"
#include "sim/billing_test.h"
#include "sim/faults.h"
#include "sim/made_network.h"
#include "sim/seeds_test.h"
#include "sim/spain_test.h"
#include "sim/street_video_test.h"

namespace barrio::sim::swarm_test {

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t spain_seeds = 2;
constexpr bool has_hundred = false;  // too slow here
#else
constexpr uint64_t spain_seeds = 30;
constexpr bool has_hundred = true;
#endif
// Of the commit (docs/testing.md).
constexpr uint64_t more_spain_seeds = 300;
constexpr uint64_t more_hundred_seeds = 2;

// What is promised of a network after its last fault.
constexpr auto equal_within = 30s;
constexpr auto billed_within = 60s;
constexpr auto served_within = 24s;  // of being equal
constexpr size_t late_sites = 2;     // where sites are added

struct Shape {
  Network network;
  size_t apps = 6;
  int faults = 60;
};

/// So small that watts, cores, memory and accelerators all run out now and then. Without the prose of the network file,
/// which would be most of each snapshot.
Shape small_spain() {
  Shape shape{.network = spain()};
  shape.network.paths.assumptions.clear();
  for (Site& site : shape.network.sites) {
    site.assumptions.clear();
    site.power.budget = Watts(600);
    site.accelerators = {{"L4", 1, Watts(72), gib(24)}};
    site.servers = {8, gib(8), gib(64)};
  }
  return shape;
}

Shape hundred_sites(uint64_t seed) {
  return {.network = make_network({.sites = 100, .apps = 60, .fill = 0.9, .has_slices = true}, seed).network,
          .apps = 16,
          .faults = 40};
}

/// In every third run, half of the sites have a power tree.
Shape with_racks(Shape shape, uint64_t seed) {
  Rng rng(mix(seed, 2));
  if (rng.below(3) != 0) return shape;
  for (Site& site : shape.network.sites) {
    if (rng.below(2) == 0) build_power_tree(site, rng);
  }
  return shape;
}

struct Swarm {
  Swarm(uint64_t seed, const Shape& with)
      : rng(mix(seed, 1)),
        on(some_faults(rng)),
        shape(with_racks(with, seed)),
        late(is_on(on, Fault::new_site) ? late_sites : 0),
        world({.network = with_late_sites(shape.network, late),
               .make_state =
                   [](ports::Runtime& runtime) { return std::make_unique<adapters::MemoryStateStore>(runtime); },
               .seed = seed,
               .members = rng.below(2) == 0 ? size_t{1} : size_t{3},
               .loss = is_on(on, Fault::loss) ? 0.05 : 0,
               .doubled = is_on(on, Fault::doubling) ? 0.1 : 0,
               .late_sites = late}),
        traffic(world),
        faults(world, traffic, on) {
    for (size_t i = 0; i < shape.apps; ++i) add_app(i);
  }

  /// With a device or two that ask it, near sites that may serve it.
  void add_app(size_t index) {
    const auto& sites = world.network().sites;
    AppSpec spec =
        street_video({TenantId::of("t" + std::to_string(index % 3)), AppName::of("app" + std::to_string(index))}, "ES");
    const Site& home = sites[world.running_sites()[rng.below(world.running_sites().size())]];
    if (index % 3 == 1) spec.policy.jurisdictions = {home.jurisdiction};
    if (index % 3 == 2) spec.policy = {{}, {home.id, sites[world.running_sites()[0]].id}, {}};
    if (index != 0) spec.replicas = 1 + static_cast<int>(rng.below(3));
    spec.work = RequestWork{.device_time = 35ms};
    if (index % 4 == 3) spec.scale = ScaleSpec{.most = 4, .idle = 20s, .warm_up = 5s};
    resize(spec);
    const AppKey key{TenantId::of("t" + std::to_string(index % 3)), spec.name};
    world.checker().deployed(key, spec.policy);
    for (uint64_t i = 0; i <= rng.below(2); ++i) {
      traffic.add(
          {{"place" + std::to_string(index), home.location, Access::fibre, home.jurisdiction}, key, spec.policy});
    }
    apps.push_back({key, spec});
  }

  void resize(AppSpec& spec) {
    spec.resources.power = Watts(20 + static_cast<int64_t>(rng.below(200)));
    spec.resources.cores = 1 + static_cast<double>(rng.below(8)) / 2;
    spec.resources.memory = mib(256 << rng.below(5));
    spec.resources.storage = gib(static_cast<int64_t>(rng.below(40)));
    const auto& accelerators = world.network().sites[world.running_sites()[0]].accelerators;
    if (accelerators.empty() || rng.below(3) != 0) return;
    spec.resources.accelerator = accelerators[0].model;
    spec.resources.accelerators = 1;
    spec.model = {Backend::oip, "", "", ""};
    spec.resources.power = std::max(spec.resources.power, accelerators[0].usable());
    if (accelerators[0].is_sliced()) spec.resources.slice = rng.below(2) == 0 ? "1g.10gb" : "3g.40gb";
  }

  /// The next change of an app, if its last one has ended: deployed, deployed anew, or deleted.
  void change(size_t index) {
    ControlledApp& app = apps[index];
    const auto leads = world.leader();
    if (!leads || world.loop().now() < app.busy_until) return;
    const bool remove = app.wanted && rng.below(4) == 0;
    const int64_t number = ++changes;
    if (!remove && app.wanted && rng.below(2) == 0) resize(app.spec);
    if (!remove) Checker::number(app.spec, number);
    app.wanted = !remove;
    app.busy_until = Time::max();
    app.number = number;
    world.checker().asked(app.key, number, remove ? Checker::Change::remove : Checker::Change::deploy);
    const auto ended = [this, &app, number] {
      if (app.number == number) app.busy_until = world.loop().now();
    };
    world.in_control([this, &app, number, remove, ended](control::Control& control) {
      if (remove) {
        const auto removed = control.remove(app.key);
        if (removed) world.checker().acknowledged(app.key, number);
        if (!removed && removed.error().code == Code::not_found) world.checker().declined(app.key, number);
      } else {
        const auto deployed = control.deploy(app.key.tenant, app.spec);
        if (deployed) world.checker().acknowledged(app.key, number);
        if (!deployed && deployed.error().refusal) {
          world.checker().declined(app.key, number);
          ++declined;
        }
        acknowledged += deployed ? 1 : 0;
      }
      ended();
    });
    // Who was asked may crash before it answers.
    world.loop().after(20s, [&app, number] {
      if (app.number == number) app.busy_until = std::min(app.busy_until, Time{});
    });
  }

  void drain_or_not() {
    const Site& site = world.network().sites[world.running_sites()[rng.below(world.running_sites().size())]];
    if (!world.leader()) return;
    world.in_control([id = site.id, drain = rng.below(2) == 0](control::Control& control) {
      static_cast<void>(control.set_status(id, drain ? SiteStatus::draining : SiteStatus::active));
    });
  }

  /// Those that have begun to; asked again, for who was asked may not have led just then.
  void join_late() {
    const auto wanted = world.wanted();
    for (const size_t index : world.late_sites()) {
      if (!wanted || !world.is_up(index)) continue;
      const Site* site = wanted->network.find(world.network().sites[index].id);
      if (site == nullptr || site->status == SiteStatus::planned) world.join_site(index);
    }
  }

  void activate_all() {
    for (const size_t index : world.running_sites()) {
      world.in_control([id = world.network().sites[index].id](control::Control& control) {
        static_cast<void>(control.set_status(id, SiteStatus::active));
      });
    }
  }

  /// Until observed equals desired. The last difference; none: it does.
  std::optional<std::string> settle(Duration within) {
    std::optional<std::string> difference = "not looked";
    const Time until = world.loop().now() + within;
    while (difference && world.loop().now() < until) {
      join_late();
      world.loop().run_for(1s);
      difference = world.difference();
      // All that was there was deleted, and the rest has no room.
      const auto wanted = world.wanted();
      if (wanted && wanted->apps.empty() && wanted->replicas.empty()) return std::nullopt;
    }
    return difference;
  }

  std::string violations() {
    std::vector<std::string> all = world.checker().violations();
    all.insert(all.end(), world.store().violations().begin(), world.store().violations().end());
    if (all.size() > 5) all.resize(5);
    return join_text(std::span<const std::string>(all), "; ");
  }

  struct ControlledApp {
    AppKey key;
    AppSpec spec;
    bool wanted = false;
    Time busy_until{};
    int64_t number = 0;  // of its last change
  };
  Rng rng;
  std::vector<Fault> on;
  Shape shape;
  size_t late;
  World world;
  Traffic traffic;
  Faults faults;
  std::vector<ControlledApp> apps;
  int64_t changes = 0;
  int64_t acknowledged = 0;
  int64_t declined = 0;
};

/// What many runs came to.
struct Sum {
  int64_t runs = 0;
  int64_t requests = 0;
  int64_t checks = 0;
  int64_t in_racks = 0;  // of them
  int64_t changes = 0;
  int64_t declined = 0;
  int64_t stale = 0;
  int64_t joined = 0;  // sites
  Duration longest_settle{};
};

std::string deploy_all(Swarm& run) {
  run.world.loop().run_for(5s);
  for (size_t i = 0; i < run.apps.size(); ++i) {
    run.change(i);
    run.world.loop().run_for(500ms);
  }
  if (auto difference = run.settle(equal_within)) return "before any fault: " + *difference;
  return "";
}

void disturb(Swarm& run) {
  run.traffic.start();
  for (int i = 0; i < run.shape.faults; ++i) {
    run.world.loop().run_for(from_ms(1000 * run.rng.unit()));
    run.faults.strike();
    if (run.rng.below(3) != 0) run.change(run.rng.below(run.apps.size()));
    if (run.rng.below(12) == 0) run.drain_or_not();
  }
}

/// Empty when every device whose app has a replica was answered in the last seconds, and none was lost.
std::string unserved(Swarm& run, const std::set<AppKey>& there) {
  for (size_t device = 0; device < run.traffic.devices(); ++device) {
    const Tally& tally = run.traffic.tally(device);
    const bool served = tally.of(Outcome::answered) * 10 >= tally.sent * 8;
    if (tally.of(Outcome::lost) == 0 && (served || !there.contains(run.traffic.device(device).app))) continue;
    return "after all was well, device " + std::to_string(device) + " of " + run.traffic.device(device).app.str() +
           " has " + std::to_string(tally.of(Outcome::answered)) + " answers to " + std::to_string(tally.sent) +
           " requests, and " + std::to_string(tally.of(Outcome::lost)) + " are lost";
  }
  return "";
}

std::set<AppKey> apps_with_replicas(Swarm& run) {
  std::set<AppKey> apps;
  if (const auto wanted = run.world.wanted()) {
    for (const Replica& replica : wanted->replicas) apps.insert(replica.app);
  }
  return apps;
}

/// Where a surge has just ended, gateways still refuse some for what they have measured: that ages. An app may be
/// deleted meanwhile, by a change that was asked for long before.
std::string served_again(Swarm& run) {
  constexpr auto window = 8s;
  run.world.loop().run_for(3s);  // what was sent before has ended
  std::string why = "not looked";
  for (auto waited = 0s; !why.empty() && waited < served_within; waited += window) {
    std::set<AppKey> there = apps_with_replicas(run);
    run.traffic.reset();
    run.world.loop().run_for(window);
    const std::set<AppKey> after = apps_with_replicas(run);
    std::erase_if(there, [&](const AppKey& app) { return !after.contains(app); });
    why = unserved(run, there);
  }
  return why;
}

/// All requests have ended, and all that they used is billed.
std::string end(Swarm& run) {
  run.traffic.stop();
  std::string difference = "not looked";
  const Time until = run.world.loop().now() + billed_within;
  while (!difference.empty() && run.world.loop().now() < until) {
    run.world.loop().run_for(10s);
    difference = bill_difference(run.world, run.traffic);
  }
  if (!difference.empty()) return difference;
  const int64_t open = run.traffic.total().open();
  return open == 0 ? "" : std::to_string(open) + " requests have no outcome";
}

/// Empty when all held.
std::string run_once(uint64_t seed, const Shape& shape, Sum& sum) {
  Swarm run(seed, shape);
  std::string fault = deploy_all(run);
  if (fault.empty()) {
    disturb(run);
    run.faults.heal();
    const Time healed = run.world.loop().now();
    run.world.loop().run_for(5s);
    run.activate_all();
    const auto difference = run.settle(equal_within - 5s);
    sum.longest_settle = std::max(sum.longest_settle, run.world.loop().now() - healed);
    if (difference) fault = "30 s after the last fault: " + *difference;
  }
  if (fault.empty()) fault = served_again(run);
  if (const auto wanted = run.world.wanted()) run.world.checker().compare(*wanted);
  sum.requests += run.traffic.total().sent;
  if (fault.empty()) fault = end(run);
  if (const std::string violations = run.violations(); !violations.empty()) fault = violations;
  ++sum.runs;
  sum.checks += run.world.checker().checked();
  sum.in_racks += run.world.checker().checked_in_racks();
  sum.changes += run.acknowledged;
  sum.declined += run.declined;
  sum.stale += run.world.store().refused_stale();
  for (const size_t site : run.world.late_sites()) sum.joined += run.world.is_up(site) ? 1 : 0;
  return fault.empty()
             ? ""
             : fault + " (" + std::to_string(run.world.members()) + " members; faults on: " + text_of(run.on) + ")";
}

void say(const Sum& sum) {
  MESSAGE(sum.runs << " runs, " << sum.changes << " changes acknowledged, " << sum.declined
                   << " declined for want of room, " << sum.joined << " sites added, " << sum.checks << " checks, "
                   << sum.in_racks << " of racks and feeders, " << sum.stale
                   << " commits of deposed leaders refused, longest time to equal " << to_ms(sum.longest_settle) / 1000
                   << " s");
}

}  // namespace

TEST_CASE("swarm: 17 sites under every kind of fault keep policies and capacities and promises and come to rest") {
  log_little();
  const Shape shape = small_spain();
  Sum sum;
  for (const uint64_t seed : seeds(spain_seeds, more_spain_seeds)) {
    const std::string fault = run_once(seed, shape, sum);
    CHECK_MESSAGE(fault.empty(), "seed " << seed << ": " << fault << again(seed, "swarm: 17*"));
  }
  say(sum);
}

TEST_CASE("swarm: 100 sites under every kind of fault keep policies and capacities and promises and come to rest") {
  log_little();
  Sum sum;
  // The commit's alone, unless others are wanted.
  for (const uint64_t seed : has_hundred ? seeds(0, more_hundred_seeds) : std::vector<uint64_t>()) {
    const std::string fault = run_once(seed, hundred_sites(seed), sum);
    CHECK_MESSAGE(fault.empty(), "seed " << seed << ": " << fault << again(seed, "swarm: 100*"));
  }
  say(sum);
}

}  // namespace barrio::sim::swarm_test
