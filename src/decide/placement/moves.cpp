#include "decide/placement/moves.h"

#include <algorithm>
#include <limits>
#include <set>

#include "decide/placement/waiting.h"

namespace barrio::decide {

namespace {

constexpr double hard_percentile = 99;
constexpr double soft_percentile = 90;

/// What of an app is elsewhere than it should be.
struct AwayReplicas {
  size_t draining = 0;  // they serve as long as they are there
  Duration least_silence = Duration::max();
};

std::map<AppKey, AwayReplicas> away_replicas(const Network& network, std::span<const PlacedReplica> present,
                                             const PlacementOptions& options) {
  std::map<AppKey, AwayReplicas> away;
  std::map<SiteId, SiteStatus> status;
  bool drains = false;
  for (const Site& site : network.sites) {
    status.emplace(site.id, site.status);
    drains = drains || site.status == SiteStatus::draining;
  }
  if (!drains && options.lost.empty()) return away;  // as nearly always: what follows looks at every replica
  for (const PlacedReplica& replica : present) {
    const auto site = status.find(replica.site);
    if (site == status.end()) continue;
    const auto lost = options.lost.find(replica.site);
    const bool is_lost = lost != options.lost.end();
    if (site->second == SiteStatus::draining) {
      away[replica.app].draining += is_lost ? 0 : 1;
    } else if (is_lost) {
      Duration& least = away[replica.app].least_silence;
      least = std::min(least, lost->second);
    }
  }
  return away;
}

double requests_asked(const App& app, const PlacementOptions& options) {
  double declared = 0;
  for (const DemandPlace& place : app.spec.demand) declared += place.requests_per_second.value_or(0);
  const auto known = options.asked.find(app.key());
  return known == options.asked.end() ? declared : std::max(declared, known->second);
}

}  // namespace

Urgency urgency_of(const Objective& objective) {
  if (objective.percentile >= hard_percentile) return Urgency::hard;
  return objective.percentile >= soft_percentile ? Urgency::soft : Urgency::best_effort;
}

/// A replica whose work is not known takes the share that it was meant to take.
MoveRank rank_of(const AppSpec& spec, double requests, size_t standing, size_t wanted) {
  const double share = requests / static_cast<double>(std::max<size_t>(1, wanted));
  const double takes = spec.work ? most_utilisation * spec.work->concurrency /
                                       std::chrono::duration<double>(spec.work->device_time).count()
                                 : share;
  const double unserved = std::max(0.0, requests - static_cast<double>(standing) * takes);
  const double served_again = std::min(unserved, takes);
  const auto watts = static_cast<double>(spec.resources.power.count());
  constexpr double rounding = 1e-9;
  return {.urgency = urgency_of(spec.objective),
          .left = standing == 0                    ? Left::nobody
                  : unserved > rounding * requests ? Left::too_few
                                                   : Left::enough,
          .watts_per_request = served_again > 0 ? watts / served_again : std::numeric_limits<double>::infinity(),
          .watts = spec.resources.power};
}

std::vector<AppKey> move_order(const PlacementBook& book, const Network& network, std::span<const App> apps,
                               std::span<const PlacedReplica> present, const PlacementOptions& options) {
  const auto away = away_replicas(network, present, options);
  if (away.empty()) return {};
  std::vector<std::pair<MoveRank, AppKey>> ranked;
  for (const App& app : apps) {
    const AppKey key = app.key();
    const auto of = away.find(key);
    if (of == away.end()) continue;
    const size_t wanted = book.wanted(key);
    for (size_t has = book.standing(key); has < wanted; ++has) {
      ranked.emplace_back(rank_of(app.spec, requests_asked(app, options), has + of->second.draining, wanted), key);
    }
  }
  std::ranges::stable_sort(ranked, [](const auto& a, const auto& b) { return a < b; });
  std::vector<AppKey> order;
  for (auto& [rank, key] : ranked) order.push_back(std::move(key));
  return order;
}

std::vector<Move> moves(const Network& network, std::span<const App> apps, std::span<const PlacedReplica> present,
                        const std::map<AppKey, AppPlacement>& placements, const PlacementOptions& options,
                        const MovePace& pace) {
  const auto away = away_replicas(network, present, options);
  std::vector<Move> found;
  if (away.empty()) return found;
  std::map<AppKey, const App*> by_key;
  for (const App& app : apps) by_key.emplace(app.key(), &app);
  std::set<ReplicaId> there;
  for (const PlacedReplica& replica : present) there.insert(replica.id);
  for (const auto& [key, of] : away) {
    const auto app = by_key.find(key);
    const auto placed = placements.find(key);
    if (app == by_key.end() || placed == placements.end()) continue;
    const AppPlacement& placement = placed->second;
    const auto is_there = [&](const PlacedReplica& replica) { return there.contains(replica.id); };
    size_t standing = of.draining + static_cast<size_t>(std::ranges::count_if(placement.replicas, is_there));
    for (const PlacedReplica& replica : placement.replicas) {
      if (is_there(replica)) continue;
      const MoveRank rank =
          rank_of(app->second->spec, requests_asked(*app->second, options), standing++, placement.replicas.size());
      const bool is_spare = rank.left == Left::enough && of.draining == 0;
      found.push_back({replica, rank, is_spare && of.least_silence < pace.spare_after});
    }
  }
  std::ranges::stable_sort(found, {}, &Move::rank);
  return found;
}

std::vector<PlacedReplica> next_moves(std::span<const Move> moves, std::map<SiteId, size_t> starting,
                                      const MovePace& pace) {
  std::vector<PlacedReplica> begun;
  for (const Move& move : moves) {
    if (move.may_wait || starting[move.replica.site] >= pace.at_once) continue;
    ++starting[move.replica.site];
    begun.push_back(move.replica);
  }
  return begun;
}

}  // namespace barrio::decide
