#include "decide/residency/copies.h"

#include <doctest/doctest.h>

#include <set>

#include "base/rng.h"
#include "decide/residency/buckets.h"

namespace barrio::decide::copies_test {

namespace {

Site site(const char* id, const char* jurisdiction, double lat, double lon) {
  Site made;
  made.id = SiteId::of(id);
  made.owner = OperatorId::of("telefonica");
  made.jurisdiction = *Jurisdiction::parse(jurisdiction);
  made.location = {lat, lon};
  made.status = SiteStatus::active;
  return made;
}

struct CopyCase {
  CopyCase() {
    network.sites = {site("mad1", "ES-MD", 40.4, -3.7), site("bio1", "ES-PV", 43.3, -2.9),
                     site("vit1", "ES-PV", 42.8, -2.7), site("par1", "FR-IDF", 48.9, 2.3)};
    bucket.name = *BucketName::parse("frames");
    bucket.policy.jurisdictions = {*Jurisdiction::parse("ES")};
    bucket.home = SiteId::of("bio1");
    bucket.copies = bucket.acks = 2;
    bucket.followers = {{SiteId::of("vit1"), CopyState::in_sync}};
  }
  CopyWorld world() const {
    return {network,
            {},
            [](const SiteId&) { return true; },
            [this](const SiteId& id) {
              const auto found = silent.find(id.str());
              return found == silent.end() ? Duration{} : found->second;
            },
            [this](const SiteId& id) { return incomplete.contains(id.str()); }};
  }
  std::optional<Bucket> next() const { return next_copies(bucket, world()); }
  Network network;
  Bucket bucket;
  std::map<std::string, Duration> silent;
  std::set<std::string> incomplete;
};

std::string text_of(const std::optional<Bucket>& bucket) {
  if (!bucket) return "as it is";
  std::string text = bucket->home.str();
  for (const Follower& follower : bucket->followers) {
    text += " " + follower.site.str() + (follower.state == CopyState::in_sync ? "" : "?");
  }
  return text + " acks " + std::to_string(bucket->acks);
}

}  // namespace

TEST_CASE("followers are permitted sites, the nearest to the home first; too few are refused with what would do") {
  CopyCase one;
  one.bucket.followers.clear();
  const auto everywhere = [](const SiteId&) { return true; };
  const auto chosen = choose_followers(one.bucket, 2, one.network, everywhere);
  CHECK(chosen == std::vector{SiteId::of("vit1"), SiteId::of("mad1")});
  const auto refused = choose_followers(one.bucket, 3, one.network, everywhere).error();
  CHECK(refused.code == Code::invalid);
  CHECK(refused.what ==
        "4 copies were asked for, and the policy (jurisdiction ES) permits 3 sites: name a region or a country with "
        "more sites, a wider policy, or fewer copies");
  one.network.sites[0].status = SiteStatus::draining;
  CHECK(choose_followers(one.bucket, 2, one.network, everywhere).error().code == Code::unavailable);
}

TEST_CASE("a lost home is followed by a site in sync, never by one that is joining, and never at once") {
  CopyCase one;
  CHECK(text_of(one.next()) == "as it is");
  one.silent["bio1"] = 14s;
  CHECK(text_of(one.next()) == "as it is");
  one.silent["bio1"] = 15s;
  CHECK(text_of(one.next()) == "vit1 bio1? acks 1");
  CHECK(one.next()->epoch == 2);
  one.silent["vit1"] = 15s;
  CHECK(text_of(one.next()) == "bio1 vit1? acks 1");  // nobody is there to follow it
  one.silent.erase("vit1");
  one.bucket.followers[0].state = CopyState::joining;
  CHECK(text_of(one.next()) == "as it is");
  one.silent.clear();
  one.bucket.followers[0].state = CopyState::in_sync;
  one.incomplete.insert("bio1");
  CHECK(text_of(one.next()) == "vit1 bio1? acks 1");
}

TEST_CASE("a lost follower no longer counts; after a while another site joins where the policy permits one") {
  CopyCase one;
  one.silent["vit1"] = 20s;
  CHECK(text_of(one.next()) == "bio1 vit1? acks 1");
  one.bucket = *one.next();
  CHECK(text_of(one.next()) == "as it is");
  one.silent["vit1"] = 11min;
  CHECK(text_of(one.next()) == "bio1 mad1? acks 1");
  one.bucket.policy.jurisdictions = {*Jurisdiction::parse("ES-PV")};
  CHECK(text_of(one.next()) == "as it is");  // there is no other: it is waited for
  one.bucket.policy.jurisdictions = {*Jurisdiction::parse("ES-MD"), *Jurisdiction::parse("FR")};
  CHECK(text_of(one.next()) == "bio1 mad1? acks 1");
}

TEST_CASE("what a home reports counts only for the epoch that it knows; a copy more is asked for from then on") {
  CopyCase one;
  one.bucket.followers[0].state = CopyState::joining;
  one.bucket.acks = 1;
  const SiteId vitoria = SiteId::of("vit1");
  CHECK(!with_report(one.bucket, {one.bucket.name, 7, vitoria, CopyState::in_sync}));
  CHECK(!with_report(one.bucket, {one.bucket.name, 1, SiteId::of("par1"), CopyState::in_sync}));
  const auto joined = with_report(one.bucket, {one.bucket.name, 1, vitoria, CopyState::in_sync});
  CHECK(text_of(joined) == "bio1 vit1 acks 2");
  CHECK(joined->epoch == 2);
  // Also where nothing seems to change: an earlier report that is still on its way must find another epoch.
  CHECK(with_report(one.bucket, {one.bucket.name, 1, vitoria, CopyState::joining})->epoch == 2);
}

TEST_CASE("more copies join and count later; of fewer the home stays, and who has everything and is near") {
  CopyCase one;
  const auto with = [&](int copies) { return with_copies(one.bucket, copies, one.world()); };
  CHECK(!*with(2));
  CHECK(text_of(*with(3)) == "bio1 vit1 mad1? acks 2");
  CHECK((*with(3))->epoch == one.bucket.epoch + 1);
  CHECK((*with(3))->copies == 3);
  CHECK(with(4).error().code == Code::invalid);
  CHECK(text_of(*with(1)) == "bio1 acks 1");
  one.network.sites[0].status = SiteStatus::draining;
  CHECK(with(3).error().what.ends_with("of which 2 are active and have storage just now"));
  one.network.sites[0].status = SiteStatus::active;
  // Another site's copy that is in sync is worth more than a nearer one that is not.
  one.bucket = **with_copies(CopyCase().bucket, 3, one.world());
  one.bucket.followers[1].state = CopyState::in_sync;
  CHECK(text_of(*with(2)) == "bio1 vit1 acks 2");
  one.bucket.followers[0].state = CopyState::joining;
  CHECK(text_of(*with(2)) == "bio1 mad1 acks 2");
  one.bucket.followers[1].state = CopyState::joining;
  CHECK(text_of(*with(2)) == "bio1 vit1? acks 1");
  // One that is lost is worth no more than one that is joining; without its home a bucket has no fewer copies.
  one.bucket = CopyCase().bucket;
  one.bucket.copies = 3;
  one.bucket.followers.push_back({SiteId::of("mad1"), CopyState::in_sync});
  one.silent["vit1"] = 20s;
  CHECK(text_of(*with(2)) == "bio1 mad1 acks 2");
  one.silent["bio1"] = 20s;
  CHECK(with(1).error().text().starts_with("copies: the home bio1 is lost just now"));
}

TEST_CASE("a draining site goes once enough others have everything; a home hands over and says so") {
  CopyCase one;
  const auto drain = [&](size_t which, bool on = true) {
    one.network.sites[which].status = on ? SiteStatus::draining : SiteStatus::active;
  };
  const auto advance = [&] {
    const auto next = one.next();
    if (next) one.bucket = *next;
    return text_of(next);
  };
  const auto report = [&](const char* site) {
    one.bucket = *with_report(one.bucket, {one.bucket.name, one.bucket.epoch, SiteId::of(site), CopyState::in_sync});
  };
  drain(1);  // bio1, the home
  CHECK(advance() == "bio1 vit1 mad1? acks 2");
  CHECK(advance() == "as it is");
  one.silent["mad1"] = 1min;
  CHECK(advance() == "as it is");
  one.silent.clear();
  report("mad1");
  CHECK(one.bucket.acks == 2);
  CHECK(advance() == "vit1 mad1 acks 2");
  CHECK(one.bucket.handed_over == one.bucket.epoch);
  CHECK(advance() == "as it is");
  // A follower.
  drain(1, false);
  drain(0);
  CHECK(advance() == "vit1 mad1 bio1? acks 2");
  report("bio1");
  const int64_t epoch = one.bucket.epoch;
  CHECK(advance() == "vit1 bio1 acks 2");
  CHECK(one.bucket.handed_over < epoch);
  // Back before anything has moved: what is too much goes.
  drain(2);
  CHECK(advance() == "as it is");  // no other site is left
  drain(0, false);
  CHECK(advance() == "vit1 bio1 mad1? acks 2");
  drain(2, false);
  CHECK(advance() == "vit1 bio1 acks 2");
  // The only copy.
  one.bucket = **with_copies(one.bucket, 1, one.world());
  drain(2);
  CHECK(advance() == "vit1 bio1? acks 1");
  report("bio1");
  CHECK(advance() == "bio1 acks 1");
  CHECK(advance() == "as it is");
}

TEST_CASE("whatever is lost, comes back and is reported, in any order: no forbidden site is named, no home is behind") {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    Rng rng(seed);
    CopyCase one;
    one.bucket.copies = one.bucket.acks = 1 + static_cast<int>(rng.next() % 3);
    if (one.bucket.copies == 1) one.bucket.followers.clear();
    for (int step = 0; step < 60; ++step) {
      for (const Site& at : one.network.sites) one.silent[at.id.str()] = rng.next() % 4 == 0 ? 20min : Duration{};
      for (Site& at : one.network.sites) at.status = rng.next() % 6 == 0 ? SiteStatus::draining : SiteStatus::active;
      const Bucket before = one.bucket;
      const auto changed = with_copies(before, 1 + static_cast<int>(rng.next() % 3), one.world());
      if (rng.next() % 5 == 0 && changed && *changed) {
        one.bucket = **changed;
      } else if (const auto next = one.next()) {
        one.bucket = *next;
      } else if (!one.bucket.followers.empty()) {
        const Follower& some = one.bucket.followers[rng.next() % one.bucket.followers.size()];
        const CopyState state = rng.next() % 2 == 0 ? CopyState::in_sync : CopyState::joining;
        if (auto told = with_report(one.bucket, {one.bucket.name, one.bucket.epoch, some.site, state})) {
          one.bucket = *told;
        }
      }
      const Follower* was = before.follower(one.bucket.home);
      CHECK((one.bucket.home == before.home || (was != nullptr && was->state == CopyState::in_sync)));
      CHECK(one.bucket.acks <= one.bucket.copies);
      CHECK(one.bucket.epoch >= before.epoch);
      std::set<SiteId> sites = {one.bucket.home};
      for (const Follower& follower : one.bucket.followers) {
        CHECK(may_be_at(one.bucket, one.network.find(follower.site)).permitted);
        CHECK(sites.insert(follower.site).second);
      }
      const bool drains = std::ranges::any_of(one.network.sites, [&](const Site& at) {
        return at.status == SiteStatus::draining && one.bucket.is_member(at.id);
      });
      if (!drains && !one.next()) CHECK(sites.size() <= static_cast<size_t>(one.bucket.copies));
    }
  }
}

}  // namespace barrio::decide::copies_test
