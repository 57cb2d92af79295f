// Every state that a bucket's copies can reach, whatever happens to its sites in whatever order: no site that the
// bucket's policy does not allow ever keeps it, and no home follows that misses what was acknowledged. Policies are
// read by the checker, apart from decide/residency.
#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <set>

#include "decide/residency/buckets.h"
#include "decide/residency/copies.h"
#include "sim/checker.h"

namespace barrio::sim::residency_walk_test {

namespace {

enum class Fate { fine, silent, incomplete, draining, without_storage };
constexpr int fates = 5;
constexpr size_t site_count = 4;
// At the same moment. Under a sanitizer the walk is of code, not of all states.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int most_in_trouble = 2;
#else
constexpr int most_in_trouble = site_count;
#endif

Network four_sites() {
  Network network;
  for (const auto& [id, area, owner] : {std::tuple{"bio1", "ES-PV", "telefonica"},
                                        {"vit1", "ES-PV", "orange"},
                                        {"mad1", "ES-MD", "telefonica"},
                                        {"par1", "FR-IDF", "orange"}}) {
    Site site;
    site.id = SiteId::of(id);
    site.jurisdiction = *Jurisdiction::parse(area);
    site.owner = OperatorId::of(owner);
    site.status = SiteStatus::active;
    site.location = {40.0 + static_cast<double>(network.sites.size()), -3.0};
    network.sites.push_back(std::move(site));
  }
  return network;
}

/// All that can be said with these words, but nothing at all.
std::vector<Policy> all_policies() {
  std::vector<Policy> policies;
  const char* areas[] = {"ES-PV", "ES", "FR"};
  const char* sites[] = {"bio1", "par1"};
  for (unsigned bits = 1; bits < 64; ++bits) {
    Policy policy;
    for (unsigned i = 0; i < 3; ++i) {
      if ((bits >> i & 1) != 0) policy.jurisdictions.push_back(*Jurisdiction::parse(areas[i]));
    }
    for (unsigned i = 0; i < 2; ++i) {
      if ((bits >> (3 + i) & 1) != 0) policy.sites.push_back(SiteId::of(sites[i]));
    }
    if ((bits >> 5 & 1) != 0) policy.operators.push_back(OperatorId::of("telefonica"));
    policies.push_back(std::move(policy));
  }
  return policies;
}

/// Those that are walked. A sanitizer sees nothing new in a second policy that allows the same sites.
std::vector<Policy> walked_policies() {
  std::vector<Policy> policies = all_policies();
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  const Network network = four_sites();
  std::set<std::vector<bool>> seen;
  std::erase_if(policies, [&](const Policy& policy) {
    std::vector<bool> allowed;
    for (const Site& site : network.sites) allowed.push_back(Checker::allows(policy, site));
    return !seen.insert(std::move(allowed)).second;
  });
#endif
  return policies;
}

struct Moment {
  Network network = four_sites();
  std::set<SiteId> silent;
  std::set<SiteId> incomplete;
  std::set<SiteId> without_storage;

  decide::CopyWorld world() const {
    return {network,
            {},
            [this](const SiteId& site) { return !without_storage.contains(site); },
            [this](const SiteId& site) { return silent.contains(site) ? Duration(1h) : Duration(0); },
            [this](const SiteId& site) { return incomplete.contains(site); }};
  }
};

std::vector<Moment> all_moments() {
  std::vector<Moment> moments;
  int count = 1;
  for (size_t i = 0; i < site_count; ++i) count *= fates;
  for (int number = 0; number < count; ++number) {
    Moment moment;
    int rest = number;
    int in_trouble = 0;
    for (Site& site : moment.network.sites) {
      const auto fate = static_cast<Fate>(rest % fates);
      rest /= fates;
      in_trouble += fate == Fate::fine ? 0 : 1;
      if (fate == Fate::silent) moment.silent.insert(site.id);
      if (fate == Fate::incomplete) moment.incomplete.insert(site.id);
      if (fate == Fate::without_storage) moment.without_storage.insert(site.id);
      if (fate == Fate::draining) site.status = SiteStatus::draining;
    }
    if (in_trouble <= most_in_trouble) moments.push_back(std::move(moment));
  }
  return moments;
}

std::string state_of(const Bucket& bucket) {
  std::string text =
      bucket.home.str() + " copies " + std::to_string(bucket.copies) + " acks " + std::to_string(bucket.acks);
  for (const Follower& follower : bucket.followers) {
    text += " " + follower.site.str() + (follower.state == CopyState::in_sync ? "+" : "-");
  }
  return text;
}

bool any_drains(const Bucket& bucket, const Network& network) {
  return std::ranges::any_of(network.sites, [&](const Site& site) {
    return site.status == SiteStatus::draining && bucket.is_member(site.id);
  });
}

class Walk {
 public:
  static constexpr int most_copies = 3;
  explicit Walk(const Policy& policy) : policy_(policy) {}

  void begin(const std::vector<Moment>& moments, int copies) {
    for (const Moment& moment : moments) {
      for (const Site& near : moment.network.sites) {
        Bucket bucket;
        bucket.name = *BucketName::parse("frames");
        bucket.policy = policy_;
        bucket.copies = bucket.acks = copies;
        const auto has_storage = moment.world().has_storage;
        const auto home = decide::choose_home({policy_, nullptr, &near, has_storage}, moment.network);
        if (!home) continue;
        bucket.home = *home;
        const auto followers =
            decide::choose_followers(bucket, static_cast<size_t>(copies) - 1, moment.network, has_storage);
        if (!followers) continue;
        for (const SiteId& site : *followers) bucket.followers.push_back({site, CopyState::joining});
        reach(bucket);
      }
    }
  }

  void go_on(const std::vector<Moment>& moments) {
    while (!open_.empty()) {
      const Bucket from = std::move(open_.front());
      open_.pop_front();
      for (const Moment& moment : moments) {
        if (const auto next = decide::next_copies(from, moment.world())) {
          step(from, *next);
        } else if (from.followers.size() >= static_cast<size_t>(from.copies) && !any_drains(from, moment.network)) {
          complain("more copies than asked for", from, from);
        }
        for (int copies = 1; copies <= most_copies; ++copies) {
          const auto next = decide::with_copies(from, copies, moment.world());
          if (next && *next) step(from, **next);
        }
      }
      for (const Follower& follower : from.followers) {
        for (const CopyState state : {CopyState::in_sync, CopyState::joining}) {
          const auto next = decide::with_report(from, {from.name, from.epoch, follower.site, state});
          if (next) step(from, *next);
        }
      }
    }
  }

  size_t states() const { return seen_.size(); }
  std::vector<std::string> wrong;

 private:
  void step(const Bucket& from, const Bucket& to) {
    if (to.epoch <= from.epoch) complain("the epoch does not grow", from, to);
    const Follower* heir = from.follower(to.home);
    if (to.home != from.home && (heir == nullptr || heir->state != CopyState::in_sync)) {
      complain("the new home misses what was acknowledged", from, to);
    }
    for (const Follower& follower : to.followers) {
      const Follower* before = from.follower(follower.site);
      const bool reported = before != nullptr;
      if (follower.state == CopyState::in_sync && !reported) complain("a follower is in sync from nothing", from, to);
    }
    reach(to);
  }

  void reach(const Bucket& bucket) {
    if (!seen_.insert(state_of(bucket)).second) return;
    const Network network = four_sites();
    std::set<SiteId> members{bucket.home};
    for (const Follower& follower : bucket.followers) members.insert(follower.site);
    if (members.size() != bucket.followers.size() + 1) complain("a site is a member twice", bucket, bucket);
    if (bucket.acks > bucket.copies) complain("a write waits for more sites than keep it", bucket, bucket);
    if (bucket.acks < 1) complain("a write is acknowledged that nobody has", bucket, bucket);
    for (const SiteId& site : members) {
      if (!Checker::allows(policy_, *network.find(site))) complain("a byte at " + site.str(), bucket, bucket);
    }
    open_.push_back(bucket);
  }

  void complain(const std::string& what, const Bucket& from, const Bucket& to) {
    wrong.push_back(what + ": " + state_of(from) + " -> " + state_of(to));
  }

  const Policy& policy_;
  std::set<std::string> seen_;
  std::deque<Bucket> open_;
};

}  // namespace

TEST_CASE("no reachable state of a bucket's copies has a byte where its policy does not allow one") {
  const auto moments = all_moments();
  size_t states = 0;
  for (const Policy& policy : walked_policies()) {
    Walk walk(policy);
    for (int copies = 1; copies <= Walk::most_copies; ++copies) walk.begin(moments, copies);
    walk.go_on(moments);
    states += walk.states();
    for (const std::string& wrong : walk.wrong) FAIL_CHECK(wrong);
  }
  MESSAGE(states << " states");
  CHECK(states > 500);
}

TEST_CASE("where bytes of a bucket may pass is what its policy allows, for every site and policy") {
  const Network network = four_sites();
  for (const Policy& policy : all_policies()) {
    Bucket bucket;
    bucket.name = *BucketName::parse("frames");
    bucket.policy = policy;
    for (const Site& site : network.sites) {
      CHECK(decide::may_be_at(bucket, &site).permitted == Checker::allows(policy, site));
    }
    CHECK(!decide::may_be_at(bucket, nullptr).permitted);
  }
}

}  // namespace barrio::sim::residency_walk_test
