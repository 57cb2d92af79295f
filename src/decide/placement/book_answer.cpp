// Why a replica stands at a site, or does not, and what would have to change.

#include <algorithm>
#include <array>
#include <cstdio>

#include "decide/placement/book.h"
#include "decide/residency/residency.h"

namespace barrio::decide {

namespace {

std::string ms_text(Duration time) {
  std::array<char, 32> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.1f ms", to_ms(time));
  return buffer.data();
}

}  // namespace

std::optional<Refusal> PlacementBook::refuse_status(const Entry& entry, size_t site) const {
  const Site& at = network_.sites[site];
  const std::string id = at.id.str();
  const std::string missing = missing_for(entry.app.spec.policy, at);
  if (at.status != SiteStatus::active) {
    std::string nearest = at.status == SiteStatus::retired ? "" : "activate " + id;
    if (!nearest.empty() && !missing.empty()) nearest += " and a policy with " + missing;
    return Refusal{RefusalReason::not_active, id + " is " + to_name(at.status) + ", only active sites take replicas",
                   nearest};
  }
  const Verdict verdict = permits(entry.app.spec.policy, at);
  if (verdict.permitted && !runs_[site].can_run(entry.app.spec)) {
    const bool container = entry.app.spec.container.has_value();
    return Refusal{RefusalReason::runtime, id + (container ? " runs no containers" : " runs no programs"),
                   (container ? "podman or kubernetes" : "programs") + std::string(" in the configuration of ") + id};
  }
  if (verdict.permitted && lost_[site])
    return Refusal{RefusalReason::unavailable, id + " is lost: control does not hear it, or only since a moment ago",
                   id + " when it is back"};
  if (verdict.permitted) return std::nullopt;
  return Refusal{RefusalReason::policy, verdict.reason, missing.empty() ? "" : "policy with " + missing};
}

std::optional<Refusal> PlacementBook::refuse_objective(const Entry& entry, size_t site) const {
  const Objective& objective = entry.app.spec.objective;
  const Duration takes = entry.network[site] + entry.in_site;
  if (takes < objective.latency) return std::nullopt;
  const Duration enough = std::chrono::floor<std::chrono::milliseconds>(takes) + 1ms;
  const std::string to = "the network to " + network_.sites[site].id.str();
  const std::string what = entry.in_site == Duration()
                               ? to + " alone takes " + ms_text(takes)
                               : to + " takes " + ms_text(entry.network[site]) + ", wait and service " +
                                     ms_text(entry.in_site) + ", together " + ms_text(takes);
  return Refusal{RefusalReason::objective, what + " of the objective of " + to_string(objective.latency),
                 "objective " + to_string(enough) + " instead of " + to_string(objective.latency)};
}

std::optional<Refusal> PlacementBook::refuse_spread(const Entry& entry, size_t site) const {
  const auto& spread = entry.app.spec.spread;
  if (!spread) return std::nullopt;
  int inside = 0;
  for (const Copy& copy : now_.copies(entry.item)) {
    if (problem_.domain_of[problem_.bins[copy.bin].group] == problem_.domain_of[site]) ++inside;
  }
  if (inside < spread->most_per_domain) return std::nullopt;
  const std::string id = network_.sites[site].id.str();
  return Refusal{
      RefusalReason::spread, id + " fails together with sites that have " + std::to_string(inside) + " of its replicas",
      "most_per_domain " + std::to_string(inside + 1) + " instead of " + std::to_string(spread->most_per_domain)};
}

Refusal PlacementBook::enough(const Entry& entry) const {
  if (entry.asked == 0) return {RefusalReason::enough, "none is needed while nobody asks for it", "a request"};
  std::string where;
  for (const PlacedReplica& replica : replicas_of(entry, entry.item)) {
    where += (where.empty() ? "" : ", ") + replica.site.str();
  }
  const size_t placed = now_.copies(entry.item).size();
  const std::string why =
      entry.for_load > 0 && entry.for_load >= static_cast<size_t>(entry.app.spec.replicas.value_or(0))
          ? " needed for its demand, placed at "
          : " asked, placed at ";
  return {RefusalReason::enough, std::to_string(placed) + why + where,
          "replicas " + std::to_string(placed + 1) + " instead of " + std::to_string(placed)};
}

/// Of a site that has none: the first of the reasons that would have to go. `none_missing`: what is said where all
/// replicas that are wanted have a place.
Refusal PlacementBook::refuse(const Entry& entry, size_t site, const Refusal& none_missing) const {
  if (auto refusal = refuse_status(entry, site)) return *refusal;
  if (auto refusal = refuse_objective(entry, site)) return *refusal;
  if (auto refusal = capacity_.lacks(now_, entry.item, entry.app.spec.resources, site)) return *refusal;
  if (now_.copies(entry.item).size() >= problem_.items[entry.item].copies) {
    const std::string id = network_.sites[site].id.str();
    if (!unheard_[site] || entry.asked == 0) return none_missing;
    return {RefusalReason::unavailable,
            id + " has never spoken to control: it is given what no other site has room for",
            id + " once its machine speaks to control"};
  }
  if (auto refusal = refuse_spread(entry, site)) return *refusal;
  return {RefusalReason::unavailable, "room at " + network_.sites[site].id.str() + " became free just now",
          "the next decision"};
}

std::string PlacementBook::placed_text(const Entry& entry, size_t site) const {
  const AppSpec& spec = entry.app.spec;
  std::string text = ms_text(entry.network[site]) + " of network";
  if (entry.in_site != Duration()) text += " and " + ms_text(entry.in_site) + " of wait and service";
  text += " in " + to_string(spec.objective.latency) + ", takes " + std::to_string(spec.resources.power.count()) +
          " W and leaves " + std::to_string(capacity_.power_left(now_, site).count()) + " W of IT power";
  const auto copy = std::ranges::find_if(now_.copies(entry.item),
                                         [&](const Copy& one) { return problem_.bins[one.bin].group == site; });
  const std::string& rack = capacity_.rack(copy->bin).name;
  if (!rack.empty()) text += ", in rack " + rack;
  if (unheard_[site]) text += "; the site has never spoken to control, and no other has room for it";
  return text;
}

SiteDecision PlacementBook::decide_site(const Entry& entry, size_t site, const Refusal& none_missing) const {
  const auto stands = [&](const Copy& copy) { return problem_.bins[copy.bin].group == site; };
  SiteDecision decision{.site = network_.sites[site].id,
                        .placed = std::ranges::any_of(now_.copies(entry.item), stands),
                        .refusal = {},
                        .network_ms = to_ms(entry.network[site]),
                        .detail = {}};
  if (decision.placed) {
    decision.detail = placed_text(entry, site);
  } else {
    decision.refusal = refuse(entry, site, none_missing);
    decision.detail = decision.refusal.detail;
  }
  return decision;
}

AppPlacement PlacementBook::answer(const AppKey& app) const {
  const Entry& entry = entries_.at(app);
  AppPlacement placement{.app = app, .replicas = {}, .leaving = {}, .decisions = {}, .refusal = {}, .missing = {}};
  placement.replicas = replicas_of(entry, entry.item);
  placement.leaving = replicas_of(entry, entry.leaving);
  const Refusal none_missing = enough(entry);
  for (size_t s = 0; s < network_.sites.size(); ++s) placement.decisions.push_back(decide_site(entry, s, none_missing));
  if (placement.replicas.empty())
    placement.refusal = refuse_app(entry, placement.decisions);
  else
    placement.missing = refuse_rest(entry, placement.decisions);
  return placement;
}

/// The site that got furthest speaks for all: what it lacks is the least that must change.
size_t PlacementBook::least_refused(const Entry& entry, const std::vector<SiteDecision>& decisions,
                                    const std::vector<size_t>& among) const {
  const auto step = [&](size_t i) {
    const RefusalReason reason = decisions[i].refusal.reason;
    const bool not_there = reason == RefusalReason::not_active || reason == RefusalReason::unavailable;
    return not_there ? 0 : reason == RefusalReason::objective ? 1 : 2;
  };
  return *std::ranges::min_element(among, [&](size_t a, size_t b) {
    return step(a) != step(b) ? step(a) > step(b) : entry.network[a] < entry.network[b];
  });
}

Refusal PlacementBook::refuse_app(const Entry& entry, const std::vector<SiteDecision>& decisions) const {
  const Policy& policy = entry.app.spec.policy;
  std::vector<size_t> all;
  std::vector<size_t> permitted;
  for (size_t i = 0; i < decisions.size(); ++i) {
    all.push_back(i);
    if (permits(policy, network_.sites[i]).permitted) permitted.push_back(i);
  }
  if (permitted.empty())
    return {RefusalReason::policy, "no site of the network is permitted, the policy allows " + describe(policy),
            permit_one_of(entry, all)};
  if (entry.asked == 0) return enough(entry);
  const Refusal& best = decisions[least_refused(entry, decisions, permitted)].refusal;
  const std::string count = std::to_string(permitted.size());
  return {best.reason,
          "none of the " + count + " permitted sites (" + describe(policy) + ") can take it: " + best.detail,
          best.nearest};
}

/// Of those that are still to be placed, where some are.
std::optional<Refusal> PlacementBook::refuse_rest(const Entry& entry,
                                                  const std::vector<SiteDecision>& decisions) const {
  const size_t placed = now_.copies(entry.item).size();
  if (placed == 0 || placed >= entry.asked.value_or(0)) return std::nullopt;
  const Policy& policy = entry.app.spec.policy;
  std::vector<size_t> others;
  std::vector<size_t> permitted;
  for (size_t i = 0; i < decisions.size(); ++i) {
    if (decisions[i].placed) continue;
    others.push_back(i);
    if (permits(policy, network_.sites[i]).permitted) permitted.push_back(i);
  }
  const std::string some = std::to_string(placed) + " of " + std::to_string(*entry.asked) + " replicas have a place, ";
  const std::string one_each = some + "and a site has one of an app at most: ";
  if (others.empty())
    return Refusal{RefusalReason::enough, one_each + "the network has no other",
                   "replicas " + std::to_string(placed) + " instead of " + std::to_string(*entry.asked)};
  if (permitted.empty())
    return Refusal{RefusalReason::policy, one_each + "no other is permitted (" + describe(policy) + ")",
                   permit_one_of(entry, others)};
  const Refusal& best = decisions[least_refused(entry, decisions, permitted)].refusal;
  return Refusal{best.reason,
                 some + "and none of the other " + std::to_string(permitted.size()) +
                     " permitted sites can take one: " + best.detail,
                 best.nearest};
}

/// The policy that would permit the nearest of these sites, an active one if there is any.
std::string PlacementBook::permit_one_of(const Entry& entry, const std::vector<size_t>& sites) const {
  const auto nearer = [&](size_t a, size_t b) {
    const bool a_active = network_.sites[a].status == SiteStatus::active;
    const bool b_active = network_.sites[b].status == SiteStatus::active;
    return a_active != b_active ? a_active : entry.network[a] < entry.network[b];
  };
  const Site& best = network_.sites[*std::ranges::min_element(sites, nearer)];
  return "policy with " + missing_for(entry.app.spec.policy, best) + ": site " + best.id.str();
}

}  // namespace barrio::decide
