// Storage under everything at once, in virtual time: the members of control, all sites' storage with its copies,
// leases, fences and journals, clients that put, read, delete and list, and faults of which each seed has some kinds
// switched on. docs/testing.md says what holds, and how to run a thousand seeds.
#include <doctest/doctest.h>

#include <algorithm>

#include "adapters/memory_state/memory_state_store.h"
#include "adapters/sealed_store/sealed_store.h"
#include "base/text.h"
#include "sim/faults.h"
#include "sim/seeds_test.h"
#include "sim/spain_test.h"
#include "sim/storage_clients_test.h"

namespace barrio::sim::storage_swarm_test {

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t fixed_seeds = 2;
#else
constexpr uint64_t fixed_seeds = 12;
#endif
// Of the commit (docs/testing.md).
constexpr uint64_t more_seeds = 40;

// What is promised of buckets after the last fault.
constexpr Duration whole_within = 50s;  // behind the 10 s in which clients go on
constexpr Duration used_within = 26s;
constexpr int strikes = 50;
constexpr size_t most_clients = 8;
constexpr std::chrono::milliseconds most_clock_step = std::chrono::minutes(14);

const TenantId tenant = TenantId::of("acme");

/// Those that storage meets; the rest is swarm_test's.
std::vector<Fault> some_storage_faults(Rng& rng) {
  std::vector<Fault> on = some_faults(rng);
  std::erase_if(on, [](Fault fault) {
    return fault == Fault::replica_crash || fault == Fault::power_cap || fault == Fault::new_site ||
           fault == Fault::surge;
  });
  if (on.empty()) on.push_back(Fault::site_crash);
  return on;
}

std::vector<Fault> without(std::vector<Fault> faults, Fault fault) {
  std::erase(faults, fault);
  return faults;
}

/// The sites of the shipped network that are active.
Network active_spain() {
  Network network = spain();
  network.paths.assumptions.clear();
  std::erase_if(network.sites, [](const Site& site) { return site.status != SiteStatus::active; });
  for (Site& site : network.sites) site.assumptions.clear();
  return network;
}

OpenStore sealed_stores() {
  return [](ports::Runtime& runtime, std::unique_ptr<ports::Medium> medium) -> Result<OpenedStore> {
    TRY(auto opened,
        adapters::SealedStore::open(runtime, {.medium = std::move(medium), .site_key = std::string(32, 's')}));
    auto* const copies = opened.get();
    return OpenedStore{std::move(opened), copies};
  };
}

struct StorageSwarm {
  explicit StorageSwarm(uint64_t seed)
      : rng(mix(seed, 3)),
        on(some_storage_faults(rng)),
        world({.network = active_spain(),
               .make_state =
                   [](ports::Runtime& runtime) { return std::make_unique<adapters::MemoryStateStore>(runtime); },
               .seed = seed,
               .members = rng.below(2) == 0 ? size_t{1} : size_t{3},
               .loss = is_on(on, Fault::loss) ? 0.05 : 0,
               .doubled = is_on(on, Fault::doubling) ? 0.1 : 0,
               .copies = {.lost_after = rng.below(2) == 0 ? Duration(8s) : Duration(15s),
                          .replaced_after = rng.below(2) == 0 ? Duration(40s) : Duration(10min)},
               .open_store = sealed_stores()}),
        traffic(world),
        faults(world, traffic, without(on, Fault::clock_step)),
        checker(world),
        clients(world, checker, some_buckets()) {}

  /// Of a few sites each, of which they are kept at some or all; one of them in a whole country.
  std::vector<ClientBucket> some_buckets() {
    std::vector<ClientBucket> buckets;
    const size_t sites = world.network().sites.size();
    for (size_t i = 0; i < 4; ++i) {
      ClientBucket bucket{*BucketName::parse("bucket" + std::to_string(i)), {}, static_cast<int>(1 + rng.below(3))};
      bucket.keeps_versions = rng.below(3) == 0;
      if (i == 0) {
        bucket.policy.jurisdictions = {*Jurisdiction::parse("ES")};
      } else {
        const size_t wanted = static_cast<size_t>(bucket.copies) + rng.below(2);
        while (bucket.policy.sites.size() < wanted) {
          const SiteId& site = world.network().sites[rng.below(sites)].id;
          if (std::ranges::find(bucket.policy.sites, site) == bucket.policy.sites.end())
            bucket.policy.sites.push_back(site);
        }
      }
      for (size_t site = 0; site < sites; ++site) {
        if (Checker::allows(bucket.policy, world.network().sites[site])) bucket.sites.push_back(site);
      }
      checker.asked(bucket.name, bucket.policy);
      buckets.push_back(std::move(bucket));
    }
    return buckets;
  }

  /// Until it holds. The last reason why not; none: it does.
  std::string wait_until(Duration within, const std::function<std::string()>& why_not) {
    std::string why = why_not();
    const Time until = world.loop().now() + within;
    while (!why.empty() && world.loop().now() < until) {
      world.loop().run_for(1s);
      why = why_not();
    }
    return why;
  }

  /// Not before every site has said that it has storage.
  void make_buckets(control::Control& control) {
    const control::Author by{"acme", "tenant"};
    if (!has_key) {
      static_cast<void>(control.add_tenant(tenant));
      const auto issued = control.create_s3_key(tenant, by);
      if (!issued) return;
      clients.set_key({issued->id, tenant, issued->secret});
      has_key = true;
    }
    for (const ClientBucket& bucket : clients.buckets()) {
      static_cast<void>(control.create_bucket(tenant, {bucket.name, "", bucket.policy, bucket.copies}, {}, by));
    }
  }

  std::string set_up() {
    std::string why = wait_until(whole_within, [this] {
      if (world.leader()) world.in_control([this](control::Control& control) { make_buckets(control); });
      return difference();
    });
    // Where messages are lost all the time, a copy is out of step now and then.
    if (is_on(on, Fault::loss) && has_key) why = "";
    for (const ClientBucket& bucket : clients.buckets()) {
      if (checker.bucket(bucket.name) == nullptr) return bucket.name.str() + " could not be made";
    }
    for (const ClientBucket& bucket : clients.buckets()) {
      if (bucket.keeps_versions) clients.keep_versions(bucket);
    }
    world.loop().run_for(2s);
    return why;
  }

  void drain_or_not() {
    const auto& sites = world.network().sites;
    const SiteId id = sites[rng.below(sites.size())].id;
    if (!world.leader()) return;
    world.in_control([id, drain = rng.below(2) == 0](control::Control& control) {
      static_cast<void>(control.set_status(id, drain ? SiteStatus::draining : SiteStatus::active));
    });
  }

  void disturb() {
    clients.start(1 + rng.below(most_clients));
    for (int i = 0; i < strikes; ++i) {
      world.loop().run_for(from_ms(3000 * rng.unit()));
      faults.strike();
      if (is_on(on, Fault::clock_step) && rng.below(8) == 0) step_clock();
      if (rng.below(6) == 0) drain_or_not();
      checker.check_keys();
    }
  }

  /// By less than makes a site refuse what others sign.
  void step_clock() {
    const auto range = static_cast<uint64_t>(2 * most_clock_step.count());
    world.set_clock(rng.below(world.network().sites.size()),
                    std::chrono::milliseconds(static_cast<int64_t>(rng.below(range))) - most_clock_step);
  }

  void heal() {
    faults.heal();
    world.loop().run_for(5s);
    for (const Site& site : world.network().sites) {
      world.in_control(
          [id = site.id](control::Control& control) { static_cast<void>(control.set_status(id, SiteStatus::active)); });
    }
  }

  /// Empty: every bucket has all its copies, every copy has the same, and every site knows it.
  std::string difference() {
    for (const ClientBucket& wanted : clients.buckets()) {
      const Bucket* bucket = checker.bucket(wanted.name);
      if (bucket == nullptr) return wanted.name.str() + " is not there";
      const std::string why = difference_of(wanted, *bucket);
      if (!why.empty()) return bucket->name.str() + " (epoch " + std::to_string(bucket->epoch) + "): " + why;
    }
    return what_stays();
  }

  /// Content at a site that keeps no bucket any more: what it was sent of changes that came to nothing goes, too.
  std::string what_stays() {
    for (size_t i = 0; i < world.network().sites.size(); ++i) {
      SiteStorage* there = world.storage(i);
      if (there->copies()->buckets().empty() && there->volume().content_files() != 0) {
        return world.network().sites[i].id.str() + " keeps content of no bucket";
      }
    }
    return "";
  }

  std::string difference_of(const ClientBucket& wanted, const Bucket& bucket) {
    if (bucket.in_sync() != wanted.copies || bucket.followers.size() + 1 != static_cast<size_t>(wanted.copies) ||
        bucket.acks != wanted.copies) {
      return std::to_string(bucket.in_sync()) + " sites of " + std::to_string(wanted.copies) + " are in sync";
    }
    std::optional<std::map<std::string, uint64_t>> first;
    for (size_t i = 0; i < world.network().sites.size(); ++i) {
      const SiteId& id = world.network().sites[i].id;
      SiteStorage* there = world.storage(i);
      if (there == nullptr || there->service() == nullptr) return id.str() + " has no storage";
      const Bucket* known = there->service()->directory().find_id(bucket.id);
      if (known == nullptr || known->epoch != bucket.epoch) return id.str() + " does not know it";
      const auto kept = there->copies()->buckets();
      const bool keeps = std::ranges::find(kept, bucket.id) != kept.end();
      if (!bucket.is_member(id)) {
        if (keeps) return id.str() + " still has its key";
        continue;
      }
      // Nothing was ever put into one of a single copy.
      if (!keeps && wanted.copies > 1) return id.str() + " does not have its key";
      if (wanted.copies > 1 && there->copies()->is_incomplete(bucket.id)) return id.str() + " misses something of it";
      std::map<std::string, uint64_t> entries;
      for (const auto& entry : there->copies()->entries(bucket.id, "", 100'000)) entries[entry.name] = entry.stamp;
      if (first && *first != entries) return id.str() + " has other objects of it than another member";
      first = std::move(entries);
    }
    return "";
  }

  /// As it was left, and again after each object was written once more.
  std::string use_all() {
    for (int i = 0; i < 2; ++i) {
      std::set<std::string> unread;
      clients.read_all(unread);
      world.loop().run_for(used_within);
      if (!unread.empty()) return std::to_string(unread.size()) + " objects cannot be read, as " + *unread.begin();
      std::set<std::string> unwritten;
      if (i == 0) clients.write_all(unwritten);
      world.loop().run_for(used_within);
      if (!unwritten.empty()) {
        return std::to_string(unwritten.size()) + " objects cannot be written, as " + *unwritten.begin();
      }
    }
    return "";
  }

  std::string violations() {
    std::vector<std::string> all = checker.violations();
    all.insert(all.end(), world.store().violations().begin(), world.store().violations().end());
    if (all.size() > 5) all.resize(5);
    return join_text(std::span<const std::string>(all), "; ");
  }

  Rng rng;
  std::vector<Fault> on;
  World world;
  Traffic traffic;
  Faults faults;
  StorageChecker checker;
  StorageClients clients;
  bool has_key = false;
};

/// What many runs came to.
struct Sum {
  int64_t runs = 0;
  int64_t asked = 0;
  int64_t answered = 0;
  int64_t acknowledged = 0;
  int64_t takeovers = 0;
  int64_t checks = 0;
  Duration longest_until_whole{};
};

/// Empty when all held.
std::string run_once(uint64_t seed, Sum& sum) {
  StorageSwarm run(seed);
  std::string fault = run.set_up();
  if (!fault.empty()) fault = "before any fault: " + fault;
  if (fault.empty()) {
    run.disturb();
    run.heal();
    const Time healed = run.world.loop().now();
    run.world.loop().run_for(5s);
    run.clients.stop();
    const std::string difference = run.wait_until(whole_within, [&] { return run.difference(); });
    sum.longest_until_whole = std::max(sum.longest_until_whole, run.world.loop().now() - healed);
    if (!difference.empty()) fault = "after the last fault: " + difference;
  }
  if (fault.empty()) fault = run.use_all();
  run.checker.check_keys();
  if (const std::string impossible = run.clients.impossible(); !impossible.empty()) fault = impossible;
  if (const std::string violations = run.violations(); !violations.empty()) fault = violations;
  ++sum.runs;
  sum.asked += run.clients.asked();
  sum.answered += run.clients.answered();
  sum.acknowledged += run.clients.acknowledged();
  sum.takeovers += run.checker.takeovers();
  sum.checks += run.checker.checked();
  return fault.empty()
             ? ""
             : fault + " (" + std::to_string(run.world.members()) + " members; faults on: " + text_of(run.on) + ")";
}

}  // namespace

TEST_CASE("swarm: storage under every kind of fault loses nothing acknowledged and keeps policies and comes to rest") {
  log_little();
  Sum sum;
  for (const uint64_t seed : seeds(fixed_seeds, more_seeds)) {
    const std::string fault = run_once(seed, sum);
    CHECK_MESSAGE(fault.empty(), "seed " << seed << ": " << fault << again(seed, "swarm: storage*"));
  }
  MESSAGE(sum.runs << " runs, " << sum.asked << " requests, " << sum.answered << " answered, " << sum.acknowledged
                   << " changes acknowledged, " << sum.takeovers << " new homes, " << sum.checks
                   << " checks, longest time until whole " << to_ms(sum.longest_until_whole) / 1000 << " s");
}

}  // namespace barrio::sim::storage_swarm_test
