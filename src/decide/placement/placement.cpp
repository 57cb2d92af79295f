#include "decide/placement/placement.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "decide/latency/path.h"
#include "decide/placement/demand.h"
#include "decide/placement/room.h"
#include "decide/residency/residency.h"

namespace barrio::decide {

namespace {

std::string ms_text(Duration time) {
  std::array<char, 32> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.1f ms", to_ms(time));
  return buffer.data();
}

std::optional<Refusal> refuse_status(const Site& site, const Policy& policy) {
  if (site.status == SiteStatus::active) return std::nullopt;
  const std::string id = site.id.str();
  const std::string missing = missing_for(policy, site);
  std::string nearest = site.status == SiteStatus::retired ? "" : "activate " + id;
  if (!nearest.empty() && !missing.empty()) nearest += " and a policy with " + missing;
  return Refusal{RefusalReason::not_active, id + " is " + to_name(site.status) + ", only active sites take replicas",
                 nearest};
}

std::optional<Refusal> refuse_policy(const Site& site, const Policy& policy) {
  const Verdict verdict = permits(policy, site);
  if (verdict.permitted) return std::nullopt;
  const std::string missing = missing_for(policy, site);
  return Refusal{RefusalReason::policy, verdict.reason, missing.empty() ? "" : "policy with " + missing};
}

std::optional<Refusal> refuse_objective(const Site& site, const Objective& objective, Duration network_time) {
  if (network_time < objective.latency) return std::nullopt;
  const Duration enough = std::chrono::floor<std::chrono::milliseconds>(network_time) + 1ms;
  return Refusal{RefusalReason::objective,
                 "the network to " + site.id.str() + " alone takes " + ms_text(network_time) + " of the objective of " +
                     to_string(objective.latency),
                 "objective " + to_string(enough) + " instead of " + to_string(objective.latency)};
}

/// One app on its way through placement. Indices are those of network.sites.
struct Plan {
  const App* app;
  std::optional<Demand> own_demand;
  std::vector<Duration> network_times;
  std::vector<std::optional<Refusal>> refusals;  // for reasons that no other app changes, then for lack of room
  std::vector<size_t> sites;                     // chosen
  std::vector<size_t> leaving;                   // draining, with a replica
};

class Placer {
 public:
  Placer(const Network& network, std::span<const App> apps, std::span<const PlacedReplica> present)
      : network_(network), present_(present), default_demand_(network, barrio::decide::default_demand(network)) {
    for (const Site& site : network.sites) rooms_.emplace_back(site);
    for (const App& app : apps) plans_.push_back(plan(app));
    std::sort(plans_.begin(), plans_.end(), [](const Plan& a, const Plan& b) { return a.app->key() < b.app->key(); });
  }

  std::vector<AppPlacement> run() {
    for (Plan& plan : plans_) keep_present(plan);
    std::vector<AppPlacement> placements;
    for (Plan& plan : plans_) {
      add_new(plan);
      placements.push_back(answer(plan));
    }
    return placements;
  }

 private:
  Plan plan(const App& app) const {
    const AppSpec& spec = app.spec;
    Plan made{.app = &app, .own_demand = {}, .network_times = {}, .refusals = {}, .sites = {}, .leaving = {}};
    if (!spec.demand.empty()) made.own_demand.emplace(network_, spec.demand);
    for (size_t i = 0; i < network_.sites.size(); ++i) {
      const Site& site = network_.sites[i];
      const Duration time = made.own_demand ? made.own_demand->nearest(i) : access_rtt(network_.paths, Access::fibre);
      auto refusal = refuse_status(site, spec.policy);
      if (!refusal) refusal = refuse_policy(site, spec.policy);
      if (!refusal) refusal = refuse_objective(site, spec.objective, time);
      made.network_times.push_back(time);
      made.refusals.push_back(std::move(refusal));
    }
    return made;
  }

  const PlacedReplica* present_at(const Plan& plan, size_t site) const {
    const AppKey key = plan.app->key();
    const auto found = std::find_if(present_.begin(), present_.end(), [&](const PlacedReplica& replica) {
      return replica.app == key && replica.site == network_.sites[site].id;
    });
    return found == present_.end() ? nullptr : &*found;
  }

  /// The sites of `pool` that have room now, at most as many as the app still asks for.
  void choose(Plan& plan, const std::vector<size_t>& pool) {
    const AppSpec& spec = plan.app->spec;
    const Demand& demand = plan.own_demand ? *plan.own_demand : default_demand_;
    std::vector<size_t> picked = pool;
    if (spec.replicas) {
      const auto asked = static_cast<size_t>(*spec.replicas);
      picked = demand.choose(pool, asked - std::min(asked, plan.sites.size()), plan.sites);
    }
    for (const size_t site : picked) {
      rooms_[site].take(spec.resources);
      plan.sites.push_back(site);
    }
  }

  void keep_present(Plan& plan) {
    std::vector<size_t> pool;
    for (size_t i = 0; i < rooms_.size(); ++i) {
      if (!plan.refusals[i] && present_at(plan, i) && !rooms_[i].lacks(plan.app->spec.resources)) pool.push_back(i);
    }
    choose(plan, pool);
    keep_leaving(plan);
  }

  void keep_leaving(Plan& plan) {
    const AppSpec& spec = plan.app->spec;
    for (size_t i = 0; i < rooms_.size(); ++i) {
      const Site& site = network_.sites[i];
      if (site.status != SiteStatus::draining || !present_at(plan, i)) continue;
      if (!permits(spec.policy, site).permitted || rooms_[i].lacks(spec.resources)) continue;
      rooms_[i].take(spec.resources);
      plan.leaving.push_back(i);
    }
  }

  void add_new(Plan& plan) {
    std::vector<size_t> pool;
    for (size_t i = 0; i < rooms_.size(); ++i) {
      const bool chosen = std::find(plan.sites.begin(), plan.sites.end(), i) != plan.sites.end();
      if (chosen || plan.refusals[i]) continue;
      plan.refusals[i] = rooms_[i].lacks(plan.app->spec.resources);
      if (!plan.refusals[i]) pool.push_back(i);
    }
    choose(plan, pool);
    std::sort(plan.sites.begin(), plan.sites.end());
  }

  Refusal enough(const Plan& plan) const {
    std::string where;
    for (const size_t site : plan.sites) where += (where.empty() ? "" : ", ") + network_.sites[site].id.str();
    return {RefusalReason::enough, std::to_string(plan.sites.size()) + " asked, placed at " + where,
            "replicas " + std::to_string(plan.sites.size() + 1) + " instead of " + std::to_string(plan.sites.size())};
  }

  SiteDecision decide_site(const Plan& plan, size_t i) const {
    const Site& site = network_.sites[i];
    SiteDecision decision{.site = site.id,
                          .placed = std::binary_search(plan.sites.begin(), plan.sites.end(), i),
                          .refusal = {},
                          .network_ms = to_ms(plan.network_times[i]),
                          .detail = {}};
    if (decision.placed) {
      decision.detail = ms_text(plan.network_times[i]) + " of network in " +
                        to_string(plan.app->spec.objective.latency) + ", takes " +
                        std::to_string(plan.app->spec.resources.power.count()) + " W and leaves " +
                        std::to_string(rooms_[i].power().count()) + " W of IT power";
      return decision;
    }
    decision.refusal = plan.refusals[i] ? *plan.refusals[i] : enough(plan);
    decision.detail = decision.refusal.detail;
    return decision;
  }

  AppPlacement answer(const Plan& plan) const {
    AppPlacement placement{.app = plan.app->key(), .replicas = {}, .leaving = {}, .decisions = {}, .refusal = {}};
    for (size_t i = 0; i < rooms_.size(); ++i) placement.decisions.push_back(decide_site(plan, i));
    for (const size_t i : plan.sites) {
      const SiteId& site = network_.sites[i].id;
      const PlacedReplica* kept = present_at(plan, i);
      const ReplicaId id = kept ? kept->id : replica_id(placement.app, site, 0);
      placement.replicas.push_back({.id = id, .app = placement.app, .site = site});
    }
    for (const size_t i : plan.leaving) placement.leaving.push_back(*present_at(plan, i));
    if (placement.replicas.empty()) placement.refusal = refuse_app(plan);
    return placement;
  }

  /// The site that got furthest speaks for all: what it lacks is the least that must change.
  Refusal refuse_app(const Plan& plan) const {
    const Policy& policy = plan.app->spec.policy;
    std::vector<size_t> permitted;
    for (size_t i = 0; i < rooms_.size(); ++i) {
      if (permits(policy, network_.sites[i]).permitted) permitted.push_back(i);
    }
    if (permitted.empty()) return refuse_everywhere(plan);
    const auto step = [&](size_t i) {
      const RefusalReason reason = plan.refusals[i]->reason;
      return reason == RefusalReason::not_active ? 0 : reason == RefusalReason::objective ? 1 : 2;
    };
    const auto nearer = [&](size_t a, size_t b) {
      return step(a) != step(b) ? step(a) > step(b) : plan.network_times[a] < plan.network_times[b];
    };
    const Refusal& best = *plan.refusals[*std::min_element(permitted.begin(), permitted.end(), nearer)];
    const std::string count = std::to_string(permitted.size());
    return {best.reason,
            "none of the " + count + " permitted sites (" + describe(policy) + ") can take it: " + best.detail,
            best.nearest};
  }

  Refusal refuse_everywhere(const Plan& plan) const {
    const auto nearer = [&](size_t a, size_t b) {
      const bool a_active = network_.sites[a].status == SiteStatus::active;
      const bool b_active = network_.sites[b].status == SiteStatus::active;
      return a_active != b_active ? a_active : plan.network_times[a] < plan.network_times[b];
    };
    size_t best = 0;
    for (size_t i = 1; i < rooms_.size(); ++i) best = nearer(i, best) ? i : best;
    const Policy& policy = plan.app->spec.policy;
    const Site& site = network_.sites[best];
    return {RefusalReason::policy, "no site of the network is permitted, the policy allows " + describe(policy),
            "policy with " + missing_for(policy, site) + ": site " + site.id.str()};
  }

  const Network& network_;
  std::span<const PlacedReplica> present_;
  Demand default_demand_;
  std::vector<Room> rooms_;
  std::vector<Plan> plans_;
};

}  // namespace

std::vector<AppPlacement> place(const Network& network, std::span<const App> apps,
                                std::span<const PlacedReplica> present) {
  if (network.sites.empty()) return {};
  return Placer(network, apps, present).run();
}

}  // namespace barrio::decide
