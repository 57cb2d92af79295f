#include "decide/placement/placement.h"

#include <algorithm>
#include <map>

#include "decide/placement/book.h"
#include "decide/placement/moves.h"

namespace barrio::decide {

std::vector<AppPlacement> place(const Network& network, std::span<const App> apps,
                                std::span<const PlacedReplica> present, const PlacementOptions& options) {
  if (network.sites.empty()) return {};
  std::map<AppKey, const App*> by_key;
  for (const App& app : apps) by_key.emplace(app.key(), &app);
  std::map<AppKey, std::vector<PlacedReplica>> present_of;
  for (const PlacedReplica& replica : present) present_of[replica.app].push_back(replica);
  std::vector<SiteId> lost;
  for (const auto& [site, silence] : options.lost) lost.push_back(site);
  PlacementBook book(network, options.weights, lost, options.unheard, options.runs);
  for (const auto& [key, app] : by_key) book.put(*app, present_of[key]);
  for (const auto& [key, app] : by_key) book.keep_leaving(key, options.at_unheard);
  for (const AppKey& key : move_order(book, network, apps, present, options)) book.fill_one(key);
  for (const auto& [key, app] : by_key) book.fill(key);
  if (!options.unheard.empty() && options.at_unheard == AtUnheard::leaves) {
    for (const auto& [key, app] : by_key) book.leave_unheard(key);
    for (const auto& [key, app] : by_key) book.fill(key);  // what became free there
  }
  if (options.improve_work > 0) book.improve({.work = options.improve_work, .given_up = options.given_up});
  std::vector<AppPlacement> placements;
  for (const auto& [key, app] : by_key) placements.push_back(book.answer(key));
  return placements;
}

}  // namespace barrio::decide
