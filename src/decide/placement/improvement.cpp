#include "decide/placement/improvement.h"

#include <algorithm>
#include <map>
#include <set>

namespace barrio::decide {

namespace {

std::vector<PlacedReplica> together(std::span<const PlacedReplica> present, const std::vector<PlacedReplica>& more) {
  std::vector<PlacedReplica> all(present.begin(), present.end());
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

bool has(const std::vector<PlacedReplica>& replicas, const ReplicaId& id) {
  return std::ranges::find(replicas, id, &PlacedReplica::id) != replicas.end();
}

/// What stands is what is wanted, and nothing is on its way.
bool is_settled(const std::vector<AppPlacement>& placements, std::span<const PlacedReplica> present) {
  size_t wanted = 0;
  for (const AppPlacement& placement : placements) {
    if (!placement.leaving.empty()) return false;
    wanted += placement.replicas.size();
    for (const PlacedReplica& replica : placement.replicas) {
      if (std::ranges::find(present, replica.id, &PlacedReplica::id) == present.end()) return false;
    }
  }
  return wanted == present.size();
}

/// By app, only of those that move: the new replicas, the old ones still counted.
std::map<AppKey, std::vector<PlacedReplica>> moves(const std::vector<AppPlacement>& before,
                                                   const std::vector<AppPlacement>& after) {
  std::map<AppKey, std::vector<PlacedReplica>> started;
  for (size_t i = 0; i < after.size(); ++i) {
    for (const PlacedReplica& replica : after[i].replicas) {
      if (!has(before[i].replicas, replica.id)) started[after[i].app].push_back(replica);
    }
  }
  return started;
}

/// What runs does not move from rack to rack by being written down elsewhere.
bool stays(const std::vector<PlacedReplica>& replicas, const PlacedReplica& old) {
  const auto found = std::ranges::find(replicas, old.id, &PlacedReplica::id);
  return found != replicas.end() && (!old.seat || found->seat == old.seat);
}

/// Placement keeps each of these beside what is present.
bool has_room(const AppPlacement& placement, const std::vector<PlacedReplica>& started) {
  return std::ranges::all_of(started, [&](const PlacedReplica& one) { return has(placement.replicas, one.id); });
}

/// Sites where placement, with what is started, would let go of old replicas other than as leaving ones.
std::set<SiteId> disturbed(const AppPlacement& placement, std::span<const PlacedReplica> present) {
  std::set<SiteId> sites;
  for (const PlacedReplica& old : present) {
    if (old.app != placement.app || stays(placement.replicas, old) || stays(placement.leaving, old)) continue;
    sites.insert(old.site);
  }
  return sites;
}

}  // namespace

std::vector<PlacedReplica> improvement(const Network& network, std::span<const App> apps,
                                       std::span<const PlacedReplica> present, const ImprovementOptions& options) {
  const PlacementOptions as_it_is{.weights = options.weights, .unheard = options.unheard, .runs = options.runs};
  PlacementOptions improved = as_it_is;
  improved.improve_work = options.work;
  improved.given_up = options.given_up;
  const auto before = place(network, apps, present, as_it_is);
  if (!is_settled(before, present)) return {};
  auto started = moves(before, place(network, apps, present, improved));
  while (started.size() > options.most) started.erase(std::prev(started.end()));
  while (!started.empty()) {
    std::vector<PlacedReplica> chosen;
    for (const auto& [app, replicas] : started) chosen.insert(chosen.end(), replicas.begin(), replicas.end());
    const auto both = place(network, apps, together(present, chosen), as_it_is);
    const size_t wanted = started.size();
    std::set<SiteId> crowded;
    for (const AppPlacement& placement : both) {
      const auto moving = started.find(placement.app);
      std::set<SiteId> sites = disturbed(placement, present);
      const bool moves = moving != started.end();
      if (moves && (!sites.empty() || !has_room(placement, moving->second))) {
        started.erase(moving);
      } else {
        crowded.merge(sites);
      }
    }
    std::erase_if(started, [&](const auto& moving) {
      return std::ranges::any_of(moving.second, [&](const auto& one) { return crowded.contains(one.site); });
    });
    if (started.size() == wanted) return crowded.empty() ? chosen : std::vector<PlacedReplica>();
  }
  return {};
}

}  // namespace barrio::decide
