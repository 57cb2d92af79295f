#include "decide/residency/copies.h"

#include <algorithm>
#include <tuple>

#include "decide/residency/buckets.h"

namespace barrio::decide {

namespace {

/// Permitted, active, with storage and not yet a member; the nearest to the home first.
std::vector<SiteId> candidates(const Bucket& bucket, const Network& network,
                               const std::function<bool(const SiteId&)>& has_storage) {
  std::vector<const Site*> found;
  for (const Site& site : network.sites) {
    if (!bucket.is_member(site.id) && site.status == SiteStatus::active && has_storage(site.id) &&
        may_be_at(bucket, &site).permitted) {
      found.push_back(&site);
    }
  }
  if (const Site* home = network.find(bucket.home)) {
    std::ranges::stable_sort(found, {}, [&](const Site* site) { return distance_km(home->location, site->location); });
  }
  std::vector<SiteId> ids;
  for (const Site* site : found) ids.push_back(site->id);
  return ids;
}

std::vector<SiteId> living_candidates(const Bucket& bucket, const CopyWorld& world) {
  return candidates(bucket, world.network, [&](const SiteId& site) {
    return world.has_storage(site) && world.silent_for(site) < world.patience.lost_after;
  });
}

bool is_lost(const SiteId& site, const CopyWorld& world) {
  return world.silent_for(site) >= world.patience.lost_after || world.is_incomplete(site);
}

/// Its copies are to go elsewhere.
bool leaves(const SiteId& site, const Network& network) {
  const Site* known = network.find(site);
  return known != nullptr && (known->status == SiteStatus::draining || known->status == SiteStatus::retired);
}

/// The followers that are worth most first: they stay, they have everything, they are near the home.
void sort_by_worth(Bucket& bucket, const CopyWorld& world) {
  const Network& network = world.network;
  const Site* home = network.find(bucket.home);
  std::ranges::stable_sort(bucket.followers, {}, [&](const Follower& one) {
    const Site* site = network.find(one.site);
    const double far = site != nullptr && home != nullptr ? distance_km(home->location, site->location) : 0;
    return std::tuple(leaves(one.site, network), one.state == CopyState::joining || is_lost(one.site, world), far);
  });
}

/// Another home where this one is lost and there is one to follow it.
void replace_home(Bucket& bucket, const CopyWorld& world) {
  if (!is_lost(bucket.home, world)) return;
  const auto heir = std::ranges::find_if(bucket.followers, [&](const Follower& one) {
    return one.state == CopyState::in_sync && !is_lost(one.site, world) &&
           may_be_at(bucket, world.network.find(one.site)).permitted;
  });
  if (heir == bucket.followers.end()) return;
  // Whatever the old one has that nobody else has was never acknowledged: it is brought in step when it is back.
  std::swap(bucket.home, heir->site);
  heir->state = CopyState::joining;
}

/// Followers that stay away make room for others; where there is no other site they are waited for.
void replace_followers(Bucket& bucket, const CopyWorld& world) {
  auto others = living_candidates(bucket, world);
  std::erase_if(bucket.followers,
                [&](const Follower& one) { return !may_be_at(bucket, world.network.find(one.site)).permitted; });
  const auto next_other = [&] {
    const Follower made{others.front(), CopyState::joining};
    others.erase(others.begin());
    return made;
  };
  for (Follower& follower : bucket.followers) {
    const bool stays_away =
        follower.state == CopyState::joining && world.silent_for(follower.site) >= world.patience.replaced_after;
    if (stays_away && !others.empty()) follower = next_other();
  }
  const auto staying = [&] {
    return (leaves(bucket.home, world.network) ? 0 : 1) +
           std::ranges::count_if(bucket.followers,
                                 [&](const Follower& one) { return !leaves(one.site, world.network); });
  };
  while (staying() < bucket.copies && !others.empty()) bucket.followers.push_back(next_other());
}

/// Sites that leave go once enough others have everything, and so do those that are too many when none leaves any more.
void end_leaving(Bucket& bucket, const CopyWorld& world) {
  const bool home_leaves = leaves(bucket.home, world.network);
  const auto is_ready = [&](const Follower& one) {
    return one.state == CopyState::in_sync && !leaves(one.site, world.network) && !is_lost(one.site, world);
  };
  const auto ready = std::ranges::count_if(bucket.followers, is_ready) + (home_leaves ? 0 : 1);
  const auto any_leaves = [&](const Follower& one) { return leaves(one.site, world.network); };
  if (!home_leaves && std::ranges::none_of(bucket.followers, any_leaves)) {
    if (bucket.followers.size() < static_cast<size_t>(bucket.copies)) return;
    sort_by_worth(bucket, world);
    bucket.followers.resize(static_cast<size_t>(bucket.copies) - 1);
    return;
  }
  if (ready < bucket.copies) return;
  if (home_leaves) {
    sort_by_worth(bucket, world);
    const auto heir = std::ranges::find_if(bucket.followers, is_ready);
    std::swap(bucket.home, heir->site);
    heir->state = CopyState::joining;
    bucket.handed_over = bucket.epoch + 1;
  }
  std::erase_if(bucket.followers, any_leaves);
}

/// `wanted` beside the home, of which there are `found`.
Error too_few_sites(const Bucket& bucket, size_t wanted, size_t found, const Network& network) {
  const auto permitted = permitted_sites(bucket.policy, network);
  const std::string asked = std::to_string(wanted + 1) + " copies were asked for, and the policy (" +
                            describe(bucket.policy) + ") permits " + std::to_string(permitted.size()) +
                            (permitted.size() == 1 ? " site" : " sites");
  if (permitted.size() < wanted + 1) {
    return {Code::invalid, asked + ": name a region or a country with more sites, a wider policy, or fewer copies",
            "copies"};
  }
  return {Code::unavailable,
          asked + ", of which " + std::to_string(found + 1) + " are active and have storage just now", "copies"};
}

bool same_copies(const Bucket& a, const Bucket& b) {
  return a.home == b.home && a.acks == b.acks &&
         std::ranges::equal(a.followers, b.followers, [](const Follower& one, const Follower& other) {
           return one.site == other.site && one.state == other.state;
         });
}

}  // namespace

Result<std::vector<SiteId>> choose_followers(const Bucket& bucket, size_t count, const Network& network,
                                             const std::function<bool(const SiteId&)>& has_storage) {
  auto sites = candidates(bucket, network, has_storage);
  if (sites.size() < count) return fail(too_few_sites(bucket, count, sites.size(), network));
  sites.resize(count);
  return sites;
}

Result<std::optional<Bucket>> with_copies(const Bucket& bucket, int copies, const CopyWorld& world) {
  if (copies == bucket.copies) return std::optional<Bucket>();
  if (is_lost(bucket.home, world)) {
    return fail(Code::unavailable,
                "the home " + bucket.home.str() + " is lost just now; try again once it is back or another is named",
                "copies");
  }
  Bucket next = bucket;
  next.copies = copies;
  const auto wanted = static_cast<size_t>(copies) - 1;
  if (wanted > next.followers.size()) {
    const size_t present = next.followers.size();
    auto sites = living_candidates(bucket, world);
    if (present + sites.size() < wanted)
      return fail(too_few_sites(bucket, wanted, present + sites.size(), world.network));
    sites.resize(wanted - present);
    for (const SiteId& site : sites) next.followers.push_back({site, CopyState::joining});
  } else if (wanted < next.followers.size()) {
    sort_by_worth(next, world);
    next.followers.resize(wanted);
  }
  next.acks = std::min({next.acks, next.in_sync(), copies});
  ++next.epoch;
  return std::optional(std::move(next));
}

std::optional<Bucket> next_copies(const Bucket& bucket, const CopyWorld& world) {
  if (bucket.copies == 1 && bucket.followers.empty() && !leaves(bucket.home, world.network)) return std::nullopt;
  Bucket next = bucket;
  replace_home(next, world);
  bool misses = false;
  for (Follower& follower : next.followers) {
    if (!is_lost(follower.site, world)) continue;
    follower.state = CopyState::joining;
    misses = true;
  }
  replace_followers(next, world);
  end_leaving(next, world);
  if (misses || next.home != bucket.home || next.in_sync() < bucket.in_sync()) {
    next.acks = std::min(next.acks, next.in_sync());
  }
  if (same_copies(bucket, next)) return std::nullopt;
  ++next.epoch;
  return next;
}

std::optional<Bucket> with_report(const Bucket& bucket, const CopyReport& report) {
  Bucket next = bucket;
  const auto follower = std::ranges::find(next.followers, report.follower, &Follower::site);
  if (report.epoch != bucket.epoch || follower == next.followers.end()) return std::nullopt;
  follower->state = report.state;
  const int most = std::min(next.copies, next.in_sync());
  // A copy more is asked for from now on; one less only where one is lost.
  next.acks = report.state == CopyState::in_sync ? std::max(next.acks, most) : std::min(next.acks, next.in_sync());
  // An earlier report of the same epoch may still be on its way: after this one it is refused.
  if (same_copies(bucket, next) && report.state == CopyState::in_sync) return std::nullopt;
  ++next.epoch;
  return next;
}

}  // namespace barrio::decide
