// Storage under everything at once, in virtual time: the members of control, all sites' storage with its copies,
// leases, fences and journals, clients of several kinds, and faults; of both each seed has some kinds switched on.
// docs/testing.md says what holds, and how to run a thousand seeds.
#include <doctest/doctest.h>

#include <algorithm>
#include <deque>

#include "adapters/memory_state/memory_state_store.h"
#include "adapters/sealed_store/sealed_store.h"
#include "base/text.h"
#include "sim/bit_rot_test.h"
#include "sim/faults.h"
#include "sim/seeds_test.h"
#include "sim/spain_test.h"
#include "sim/storage_clients_test.h"
#include "sim/upload_clients_test.h"
#include "sim/version_clients_test.h"

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
constexpr size_t most_of_a_kind = 3;  // of uploads, of versions
constexpr Duration unclaimed_lasts = 30s;
constexpr std::chrono::milliseconds most_clock_step = std::chrono::minutes(14);

const TenantId tenant = TenantId::of("acme");

/// What there is beside objects that are put, read and deleted.
enum class Kind { uploads, tags, versions, locks, bit_rot };
BARRIO_DESCRIBE_ENUM(Kind, uploads, tags, versions, locks, bit_rot)

std::set<Kind> some_kinds(uint64_t seed) {
  Rng rng(mix(seed, 5));
  std::set<Kind> on;
  for (const Kind kind : {Kind::uploads, Kind::tags, Kind::versions, Kind::locks, Kind::bit_rot}) {
    if (rng.below(2) == 0) on.insert(kind);
  }
  return on;
}

std::string text_of(const std::set<Kind>& kinds) {
  std::vector<std::string> names;
  for (const Kind kind : kinds) names.emplace_back(to_name(kind));
  return join_text(std::span<const std::string>(names), ", ");
}

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
    TRY(auto opened, adapters::SealedStore::open(runtime, {.medium = std::move(medium),
                                                           .site_key = std::string(32, 's'),
                                                           .unclaimed_lasts = unclaimed_lasts}));
    auto* const copies = opened.get();
    return OpenedStore{std::move(opened), copies};
  };
}

struct StorageSwarm {
  explicit StorageSwarm(uint64_t seed)
      : rng(mix(seed, 3)),
        kinds(some_kinds(seed)),
        on(some_storage_faults(rng)),
        world({.network = active_spain(),
               .make_state =
                   [](ports::Runtime& runtime) { return std::make_unique<adapters::MemoryStateStore>(runtime); },
               .seed = seed,
               .members = rng.below(2) == 0 ? size_t{1} : size_t{3},
               .loss = is_on(on, Fault::loss) ? 0.05 : 0,
               .doubled = is_on(on, Fault::doubling) ? 0.1 : 0,
               .copies = {.lost_after = rng.below(2) == 0 ? Duration(8s) : Duration(15s),
                          .replaced_after = replaced_after()},
               .open_store = sealed_stores()}),
        traffic(world),
        faults(world, traffic, without(on, Fault::clock_step)),
        checker(world),
        desk(world, checker),
        clients(desk, some_buckets(), has(Kind::tags)),
        uploads(desk, clients.buckets()),
        versions(desk, version_buckets()) {}

  bool has(Kind kind) const { return kinds.contains(kind); }
  /// Whoever has the good copy of what rots elsewhere stays a member.
  Duration replaced_after() {
    const bool is_soon = rng.below(2) == 0;
    return is_soon && !has(Kind::bit_rot) ? Duration(40s) : Duration(10min);
  }

  /// Of a few sites each, of which they are kept at some or all; one of them in a whole country.
  std::vector<ClientBucket> some_buckets() {
    std::vector<ClientBucket> buckets;
    for (size_t i = 0; i < 4; ++i) {
      buckets.push_back(some_bucket("bucket" + std::to_string(i), i == 0));
      buckets.back().keeps_versions = rng.below(3) == 0;
    }
    return buckets;
  }
  std::vector<ClientBucket> version_buckets() {
    std::vector<ClientBucket> buckets;
    if (has(Kind::versions)) buckets.push_back(some_bucket("versions", rng.below(2) == 0));
    if (has(Kind::locks)) buckets.push_back(some_bucket("locked", rng.below(2) == 0));
    for (ClientBucket& bucket : buckets) bucket.object_lock = bucket.name.str() == "locked";
    return buckets;
  }
  ClientBucket some_bucket(const std::string& name, bool in_all_spain) {
    const size_t sites = world.network().sites.size();
    ClientBucket bucket{*BucketName::parse(name), {}, static_cast<int>(1 + rng.below(3))};
    if (in_all_spain) {
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
    return bucket;
  }
  std::vector<ClientBucket> all_buckets() const {
    std::vector<ClientBucket> all = clients.buckets();
    all.insert(all.end(), versions.buckets().begin(), versions.buckets().end());
    return all;
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
      desk.set_key({issued->id, tenant, issued->secret});
      has_key = true;
    }
    for (const ClientBucket& bucket : all_buckets()) {
      static_cast<void>(
          control.create_bucket(tenant, {bucket.name, "", bucket.policy, bucket.copies, bucket.object_lock}, {}, by));
    }
  }

  std::string set_up() {
    std::string why = wait_until(whole_within, [this] {
      if (world.leader()) world.in_control([this](control::Control& control) { make_buckets(control); });
      return difference();
    });
    // Where messages are lost all the time, a copy is out of step now and then.
    if (is_on(on, Fault::loss) && has_key) why = "";
    for (const ClientBucket& bucket : all_buckets()) {
      if (checker.bucket(bucket.name) == nullptr) return bucket.name.str() + " could not be made";
    }
    for (const ClientBucket& bucket : clients.buckets()) {
      if (bucket.keeps_versions) clients.keep_versions(bucket);
    }
    world.loop().run_for(2s);
    if (why.empty()) why = all_gone("buckets keep no versions", [this](auto& open) { versions.keep_versions(open); });
    if (has(Kind::bit_rot)) choose_what_rots();
    return why;
  }

  /// One site's disk, which keeps something that others keep as well.
  void choose_what_rots() {
    std::vector<size_t> sites;
    for (const ClientBucket& wanted : all_buckets()) {
      const Bucket& bucket = *checker.bucket(wanted.name);
      if (bucket.followers.empty()) continue;
      sites.push_back(world.index(bucket.home));
      for (const Follower& follower : bucket.followers) sites.push_back(world.index(follower.site));
    }
    if (!sites.empty()) rot.emplace(world, checker, sites[rng.below(sites.size())]);
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
    if (has(Kind::uploads)) uploads.start(1 + rng.below(most_of_a_kind));
    versions.start(1 + rng.below(most_of_a_kind));
    for (int i = 0; i < strikes; ++i) {
      world.loop().run_for(from_ms(3000 * rng.unit()));
      faults.strike();
      if (rot) rot->mend_where_down();
      if (rot && rng.below(5) == 0) rot->strike(rng.below(2) == 0 ? ports::Folder::journal : ports::Folder::content);
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

  void stop() {
    clients.stop();
    uploads.stop();
    versions.stop();
  }

  /// Empty: every bucket has all its copies, every copy has the same, and every site knows it.
  std::string difference() {
    for (const ClientBucket& wanted : all_buckets()) {
      const Bucket* bucket = checker.bucket(wanted.name);
      if (bucket == nullptr) return wanted.name.str() + " is not there";
      const std::string why = difference_of(wanted, *bucket);
      if (!why.empty()) return bucket->name.str() + " (epoch " + std::to_string(bucket->epoch) + "): " + why;
    }
    return rot ? rot->what_is_rotten() : "";
  }

  /// Files of content at each site are those of its objects, and no others.
  std::string what_stays() {
    for (size_t i = 0; i < world.network().sites.size(); ++i) {
      size_t expected = 0;
      SiteStorage* there = world.storage(i);
      for (const std::string& id : there->copies()->buckets()) {
        if (there->store()->usage(id).uploads != 0) return "an upload is open";
        expected += files_of(*there->store(), id);
      }
      const size_t files = world.volume(i).content_files();
      if (files == expected) continue;
      return world.network().sites[i].id.str() + " has " + std::to_string(files) + " files of content and needs " +
             std::to_string(expected);
    }
    return "";
  }

  /// As what is said of its objects lets expect.
  static size_t files_of(ports::ObjectStore& store, const std::string& bucket) {
    size_t files = 0;
    const auto listing = store.list_versions(bucket, {.limit = 100'000});
    if (!listing) return files;
    for (const auto& [object, newest] : listing->versions) {
      const size_t mark = object.etag.find('-');
      if (mark != std::string::npos) {
        files += parse_uint(object.etag.substr(mark + 1)).value_or(0);
      } else if (object.size > static_cast<int64_t>(adapters::sealed_store::most_inlined)) {
        ++files;
      }
    }
    return files;
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

  /// Empty: what `ask` is given to note was answered in time. `what`: "cannot be read".
  std::string all_done(const std::string& what, const std::function<void(std::set<std::string>&)>& ask) {
    auto& open = asked_for.emplace_back();
    ask(open);
    world.loop().run_for(used_within);
    return open.empty() ? "" : std::to_string(open.size()) + " " + what + ", as " + *open.begin();
  }
  /// The same where it may take several attempts.
  std::string all_gone(const std::string& what, const std::function<void(std::set<std::string>&)>& ask) {
    std::string why = what;
    for (int i = 0; i < 10 && !why.empty(); ++i) {
      auto& open = asked_for.emplace_back();  // answers may come later
      ask(open);
      world.loop().run_for(2s);
      why = open.empty() ? "" : std::to_string(open.size()) + " " + what + ", as " + *open.begin();
    }
    return why;
  }

  /// As it was left, and again after each object was written once more.
  std::string use_all() {
    std::string why = all_done("objects cannot be read", [this](auto& open) {
      clients.read_all(open);
      versions.read_all(open);
      versions.check_lists(open);
    });
    if (why.empty()) why = all_done("objects cannot be written", [this](auto& open) { clients.write_all(open); });
    if (why.empty()) why = all_done("objects cannot be read", [this](auto& open) { clients.read_all(open); });
    return why;
  }

  /// Records rot that are needed, and the site's power goes before anybody has read them.
  std::string rot_and_crash() {
    rot->crash(static_cast<int>(1 + rng.below(4)));
    world.loop().run_for(1s);
    return wait_until(whole_within, [this] { return difference(); });
  }

  /// Whatever is open is ended, and all that was locked is deleted after its time; then there is nothing that stays.
  std::string end_all() {
    std::string why;
    if (has(Kind::uploads)) why = all_gone("uploads stay", [this](auto& open) { uploads.abort_all(open); });
    if (why.empty()) why = wait_until(unclaimed_lasts + 10s, [this] { return what_stays(); });
    if (!why.empty() || versions.buckets().empty()) return why;
    for (size_t i = 0; i < world.network().sites.size(); ++i) world.set_clock(i, VersionClients::past_all_locks);
    for (size_t i = 0; i < world.members(); ++i) world.set_clock_of_member(i, VersionClients::past_all_locks);
    world.loop().run_for(3s);
    why = all_gone("versions cannot be deleted", [this](auto& left) { versions.delete_all(left); });
    return why.empty() ? wait_until(10s, [this] { return what_stays(); }) : why;
  }

  std::string violations() {
    std::vector<std::string> all = checker.violations();
    all.insert(all.end(), world.store().violations().begin(), world.store().violations().end());
    if (all.size() > 5) all.resize(5);
    return join_text(std::span<const std::string>(all), "; ");
  }

  Rng rng;
  const std::set<Kind> kinds;
  std::vector<Fault> on;
  std::deque<std::set<std::string>> asked_for;  // of all_done() and all_gone()
  World world;
  Traffic traffic;
  Faults faults;
  StorageChecker checker;
  ClientDesk desk;
  StorageClients clients;
  UploadClients uploads;
  VersionClients versions;
  std::optional<BitRot> rot;
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
  int64_t completed = 0;
  int64_t aborted = 0;
  int64_t deleted = 0;
  int64_t kept_locked = 0;
  int64_t rotten = 0;
  int64_t repaired = 0;
  Duration longest_until_whole{};

  void add(StorageSwarm& run) {
    ++runs;
    asked += run.desk.asked();
    answered += run.desk.answered();
    acknowledged += run.clients.acknowledged();
    takeovers += run.checker.takeovers();
    checks += run.checker.checked();
    completed += run.uploads.completed();
    aborted += run.uploads.aborted();
    deleted += run.versions.deleted();
    kept_locked += run.versions.kept_locked();
    rotten += run.rot ? run.rot->struck() : 0;
    repaired += run.rot ? run.rot->repaired() : 0;
  }
};

/// What happens in a run, up to the first that is not as it must be.
std::string first_fault(StorageSwarm& run, Sum& sum) {
  const std::string before = run.set_up();
  if (!before.empty()) return "before any fault: " + before;
  run.disturb();
  run.heal();
  const Time healed = run.world.loop().now();
  run.world.loop().run_for(5s);
  run.stop();
  std::string why = run.wait_until(whole_within, [&] { return run.difference(); });
  sum.longest_until_whole = std::max(sum.longest_until_whole, run.world.loop().now() - healed);
  if (!why.empty()) return "after the last fault: " + why;
  if (run.rot) why = run.rot_and_crash();
  if (!why.empty()) return "after records have rotted: " + why;
  why = run.use_all();
  return why.empty() ? run.end_all() : why;
}

/// Empty when all held.
std::string run_once(uint64_t seed, Sum& sum) {
  StorageSwarm run(seed);
  std::string fault = first_fault(run, sum);
  run.checker.check_keys();
  if (const std::string impossible = run.clients.impossible(); !impossible.empty()) fault = impossible;
  if (const std::string violations = run.violations(); !violations.empty()) fault = violations;
  sum.add(run);
  return fault.empty() ? ""
                       : fault + " (" + std::to_string(run.world.members()) +
                             " members; faults on: " + text_of(run.on) + "; kinds: " + text_of(run.kinds) + ")";
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
                   << " checks, longest time until whole " << to_ms(sum.longest_until_whole) / 1000 << " s; "
                   << sum.completed << " uploads completed, " << sum.aborted << " aborted, " << sum.deleted
                   << " versions deleted, " << sum.kept_locked << " seen locked; " << sum.rotten << " bits rotted, "
                   << sum.repaired << " repaired, the others replaced before");
}

}  // namespace barrio::sim::storage_swarm_test
