#include "decide/rollout/stages.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace barrio::decide {

namespace {

bool is_stricter(const TenantQuota& before, const TenantQuota& after) {
  return after.requests_per_second < before.requests_per_second || after.burst < before.burst ||
         after.in_flight < before.in_flight || after.body_bytes < before.body_bytes || after.weight < before.weight ||
         after.storage < before.storage || after.buckets < before.buckets;
}

template <class T>
bool is_lower(const std::optional<T>& before, const std::optional<T>& after) {
  return after && (!before || *after < *before);
}

bool is_stricter(const std::optional<AppLimits>& before, const std::optional<AppLimits>& after) {
  if (!after) return false;
  const AppLimits none;
  const AppLimits& had = before ? *before : none;
  const bool burst_counts = had.requests_per_second && after->requests_per_second;
  return is_lower(had.requests_per_second, after->requests_per_second) ||
         (burst_counts && after->burst_or_default() < had.burst_or_default()) ||
         is_lower(had.body_bytes, after->body_bytes);
}

void add(Health& sum, const Health& one) {
  const double answered = sum.requests - sum.bad;
  const double more = one.requests - one.bad;
  if (answered + more > 0) sum.p99_ms = (sum.p99_ms * answered + one.p99_ms * more) / (answered + more);
  sum.requests += one.requests;
  sum.bad += one.bad;
}

double share(const Health& health) {
  return health.requests > 0 ? health.bad / health.requests : 0;
}

bool tells(const Health& health) {
  return health.requests >= telling_requests;
}

std::string percent(double part) {
  return std::to_string(std::lround(100 * part)) + " %";
}

std::string ms(double time) {
  return std::to_string(std::lround(time)) + " ms";
}

const StageSite* find(std::span<const StageSite> sites, const SiteId& id) {
  const auto found = std::ranges::find(sites, id, &StageSite::site);
  return found == sites.end() ? nullptr : &*found;
}

/// What the change needs to be judged by: those that have it, and those that do not.
struct Split {
  std::vector<const StageSite*> with;
  std::vector<const StageSite*> without;
};

Split split(const StagedChange& change, std::span<const StageSite> sites) {
  Split parts;
  for (const SiteId& id : change.reached) {
    if (const StageSite* site = find(sites, id)) parts.with.push_back(site);
  }
  for (const StageSite& site : sites) {
    if (std::ranges::find(change.reached, site.site) == change.reached.end()) parts.without.push_back(&site);
  }
  return parts;
}

struct Course {
  Health was;
  Health is;
};

/// Of those that speak to control; what a silent one said last is of another time.
Course course_of(const StagedChange& change, const std::vector<const StageSite*>& sites) {
  Course course;
  for (const StageSite* site : sites) {
    if (!site->takes_part()) continue;
    add(course.is, site->now);
    const auto known = change.healthy.find(site->site.str());
    if (known != change.healthy.end()) add(course.was, known->second);
  }
  return course;
}

/// Where most sites are not heard, it is control that is cut off.
bool hears(std::span<const StageSite> sites) {
  const auto connected = std::ranges::count_if(sites, &StageSite::connected);
  return 2 * connected >= static_cast<std::ptrdiff_t>(sites.size());
}

/// Of one site that has the change.
std::optional<std::string> fault(const StagedChange& change, const StageSite& site, const StagePace& pace,
                                 bool hears_sites) {
  if (site.stands_aside) return std::nullopt;
  const std::string name = site.site.str() + ": ";
  if (site.refused) {
    // What a site says of its snapshot may be of anybody in it: a tenant is not told.
    const bool is_operators = tenant_of_settings(change.what).empty();
    return name + (is_operators ? "refuses it: " + *site.refused : "refuses it");
  }
  // It spoke after it could have had it: to this leader, or to the one that began.
  const bool had_it = site.heard ? site.silent_for <= site.given_for : change.healthy.contains(site.site.str());
  if (hears_sites && !site.connected && had_it && site.silent_for >= pace.silence) {
    return name + "is silent since it has it";
  }
  if (site.connected && !site.holds && site.waits_for >= pace.taken_within) {
    return name + "does not take it within " + to_string(pace.taken_within);
  }
  return std::nullopt;
}

std::optional<std::string> failure(const StagedChange& change, std::span<const StageSite> sites, const Split& parts,
                                   const StagePace& pace) {
  for (const StageSite* site : parts.with) {
    if (auto why = fault(change, *site, pace, hears(sites) || sites.size() == 1)) return why;
  }
  const Course with = course_of(change, parts.with);
  const Course without = course_of(change, parts.without);
  auto why = worse_off(with.was, with.is, without.was, without.is);
  if (!why) return std::nullopt;
  const bool one = parts.with.size() == 1;
  return (one ? parts.with.front()->site.str() : std::to_string(parts.with.size()) + " sites") + ": " + *why;
}

std::vector<SiteId> first_of(std::span<const StageSite> sites) {
  const StageSite* first = nullptr;
  const auto better = [](const StageSite& a, const StageSite& b) {
    if (tells(a.now) != tells(b.now)) return tells(a.now);
    return tells(a.now) ? a.now.requests < b.now.requests : a.now.requests > b.now.requests;
  };
  for (const StageSite& site : sites) {
    if (!site.active || !site.takes_part()) continue;
    if (first == nullptr || better(site, *first)) first = &site;
  }
  return first == nullptr ? std::vector<SiteId>() : std::vector{first->site};
}

/// One, a quarter, a half, all.
size_t next_size(size_t reached, size_t all) {
  for (const size_t size : {(all + 3) / 4, (all + 1) / 2}) {
    if (reached < size) return size;
  }
  return all;
}

std::vector<SiteId> next_portion(const Split& parts, size_t all) {
  std::vector<const StageSite*> waiting = parts.without;
  std::ranges::stable_sort(waiting, [](const StageSite* a, const StageSite* b) {
    if (a->takes_part() != b->takes_part()) return a->takes_part();
    return a->now.requests < b->now.requests;
  });
  const size_t more = next_size(parts.with.size(), all) - parts.with.size();
  std::vector<SiteId> portion;
  for (size_t i = 0; i < std::min(more, waiting.size()); ++i) portion.push_back(waiting[i]->site);
  return portion;
}

}  // namespace

std::optional<Settings> held_back(const Settings& before, const Settings& after) {
  CHECK(before.network.has_value() == after.network.has_value() && before.quota.has_value() == after.quota.has_value());
  Settings held = before;
  if (after.quota && is_stricter(*before.quota, *after.quota)) held.quota = after.quota;
  if (after.app && before.app && is_stricter(before.app->limits, after.app->limits)) {
    held.app->limits = after.app->limits;
  }
  if (same_settings(held, after)) return std::nullopt;
  return held;
}

std::map<std::string, Health> health_of(std::span<const Flow> flows) {
  std::map<AppKey, Health> by_app;
  for (const Flow& flow : flows) {
    add(by_app[flow.app], {.requests = static_cast<double>(flow.answered + flow.refused),
                           .bad = static_cast<double>(flow.late + flow.refused),
                           .p99_ms = flow.total.p99_ms});
  }
  std::map<std::string, Health> sums;
  for (const auto& [app, health] : by_app) {
    add(sums["app/" + app.str()], health);
    add(sums["tenant/" + app.tenant.str()], health);
    add(sums["network"], health);
  }
  return sums;
}

std::optional<std::string> worse_off(const Health& was, const Health& is, const Health& others_were,
                                     const Health& others_are) {
  if (!tells(is)) return std::nullopt;
  const bool others_tell = tells(others_were) && tells(others_are);
  // Without anything to compare with, half of all must fail.
  double usual = 0.5 - worse_share;
  if (tells(was)) {
    usual = share(was) + (others_tell ? std::max(0.0, share(others_are) - share(others_were)) : 0);
  } else if (tells(others_are)) {
    usual = share(others_are);
  }
  if (share(is) > usual + worse_share && is.bad - usual * is.requests >= telling_bad) {
    return percent(share(is)) + " of its requests are refused or late; " + percent(usual) + " would be as usual";
  }
  if (was.requests < p99_requests || is.requests < p99_requests) return std::nullopt;
  const double grown =
      others_tell && others_were.p99_ms > 0 ? std::max(1.0, others_are.p99_ms / others_were.p99_ms) : 1;
  const double usual_ms = was.p99_ms * grown;
  if (is.p99_ms <= usual_ms * worse_p99 + worse_p99_ms) return std::nullopt;
  return "p99 is " + ms(is.p99_ms) + "; " + ms(usual_ms) + " would be as usual";
}

StageStep next_stage(const StagedChange& change, std::span<const StageSite> sites, Duration soaked_for,
                     const StagePace& pace) {
  if (change.stage == Stage::failed) return {};
  const Split parts = split(change, sites);
  if (parts.with.empty()) return {.add = first_of(sites), .failed = {}};
  if (auto why = failure(change, sites, parts, pace)) return {.add = {}, .failed = std::move(why)};
  const bool some = std::ranges::any_of(parts.with, &StageSite::takes_part);
  const bool all_hold =
      std::ranges::all_of(parts.with, [](const auto* site) { return site->holds || !site->takes_part(); });
  const Duration soak = change.stage == Stage::first ? pace.soak : pace.portion_soak;
  if (!some || !all_hold || soaked_for < soak) return {};
  if (parts.without.empty()) return {.add = {}, .failed = {}, .done = true};
  return {.add = next_portion(parts, sites.size()), .failed = {}};
}

}  // namespace barrio::decide
