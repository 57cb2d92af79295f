#pragma once
// Which sites run an app. Pure: the same network, apps and present replicas give the same answer, and answering again
// with the result as `present` changes nothing. A replica goes only where the site is active, the policy permits it,
// network, wait and service together are within the objective, and accelerators (whole or in slices), cores, memory,
// storage and the power of every node above have room. Everything else is refused with the reason and the nearest thing
// that would work. docs/placement.md has the model, the objective and the figures.

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "decide/placement/weights.h"
#include "model/app.h"
#include "model/refusal.h"
#include "model/snapshot.h"

namespace barrio::decide {

struct PlacedReplica {
  ReplicaId id;
  AppKey app;
  SiteId site;
  std::optional<Seat> seat = {};  // where in the site, where there is a choice
  bool operator==(const PlacedReplica&) const = default;
};

/// Why an app is or is not on one site; one for every site of the network, in its order.
struct SiteDecision {
  SiteId site;
  bool placed = false;
  Refusal refusal;  // if not placed
  double network_ms =
      0;               // round trip from the nearest demand place over fibre access (without demand: within the city)
  std::string detail;  // one sentence with the figures, placed or not
};

struct AppPlacement {
  AppKey app;
  std::vector<PlacedReplica> replicas;  // in the network's order of sites, one per site at most
  /// Present where none is wanted any more: on draining and lost sites, and what is more than enough. Kept until
  /// control lets them go, counted nowhere.
  std::vector<PlacedReplica> leaving;
  std::vector<SiteDecision> decisions;
  std::optional<Refusal> refusal;  // if and only if there are no replicas
  std::optional<Refusal> missing;  // there are some, and fewer than asked or than its demand needs
};

/// What becomes of what is at sites that have never spoken to control.
enum class AtUnheard {
  leaves,  // nobody runs it: it goes elsewhere as soon as there is room
  stays,   // they may have spoken to a control that could not write it down
};

struct PlacementOptions {
  Weights weights = {};
  /// Of the global improvement (SearchOptions): it moves what pays for its move. 0: what is placed stays.
  uint64_t improve_work = 0;
  /// Active and draining sites that are silent, and for how long: nothing new goes there; what is there is kept for
  /// their return, in `leaving`, and counts nowhere.
  std::map<SiteId, Duration> lost = {};
  /// Active sites whose machines have never spoken to control. They are given what no other site has room for.
  std::set<SiteId> unheard = {};
  AtUnheard at_unheard = AtUnheard::leaves;
  /// Of sites that say so; others may run everything.
  std::map<SiteId, SiteRuns> runs = {};
  /// Requests a second, by app, where that is known and more than declared: what is made elsewhere comes in the order
  /// of moves.h.
  std::map<AppKey, double> asked = {};
  std::function<bool()> given_up = {};  // the improvement; SearchOptions
};

/// Ordered by app key. `present` replicas that still fit keep their place before any new one is placed; replicas of
/// unknown apps, or on sites that do not serve, are not in the answer; those on draining and lost sites, and those
/// beyond what is asked, are in `leaving`, if the policy still permits them and they still fit, while their successors
/// are placed, the most urgent first (moves.h). An app that asks for replicas gets so many, or as many as its demand
/// needs (within ScaleSpec::most; `replicas` 0: none), at those sites that cost least: network times from its demand
/// places (default: the cities of all active sites), energy, reserve, begun accelerators (Weights). An app that does
/// not ask gets every site where it fits.
std::vector<AppPlacement> place(const Network& network, std::span<const App> apps,
                                std::span<const PlacedReplica> present, const PlacementOptions& options = {});

}  // namespace barrio::decide
