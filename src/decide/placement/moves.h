#pragma once
// What is made elsewhere when sites are lost or drain: which replica first, and how many at a time at each target.
//
// The order: by what the app's objective asks for; in it, apps that no replica is left to serve, then those whose
// others are too few, then those that only miss a spare; in that, the least watts for each request that is served
// again. Placement gives room in this order, so that where power is short the most valuable comes first, and control
// starts in this order, so many at a target at a time that what runs there is not disturbed by what warms up.

#include <compare>
#include <map>
#include <span>
#include <vector>

#include "decide/batching/work.h"
#include "decide/placement/book.h"

namespace barrio::decide {

/// Apps state no other class: at p99 and above hardly an answer may be late (hard), at p90 and above few (soft).
Urgency urgency_of(const Objective& objective);

/// Who serves an app's requests while its replica is away.
enum class Left { nobody, too_few, enough };

struct MoveRank {
  Urgency urgency = Urgency::hard;
  Left left = Left::nobody;
  double watts_per_request = 0;  // of those a second that this replica serves again; infinite: of none
  Watts watts;
  auto operator<=>(const MoveRank&) const = default;
};

/// One more replica of an app of which so many of the `wanted` ones stand where they serve. `requests`: a second.
MoveRank rank_of(const AppSpec& spec, double requests, size_t standing, size_t wanted);

/// The first of these comes first. Of each app in which something is at a lost or a draining site, as often as it
/// misses a replica in the book.
std::vector<AppKey> move_order(const PlacementBook& book, const Network& network, std::span<const App> apps,
                               std::span<const PlacedReplica> present, const PlacementOptions& options);

struct Move {
  PlacedReplica replica;
  MoveRank rank;
  /// The others have room for all that is asked, and the site may be back sooner than this replica is of use.
  bool may_wait = false;
};

struct MovePace {
  /// Replicas that start at one site at a time. A start takes cores, the disk and memory bandwidth beside what the
  /// replica will take, for as long as its model loads: two keep the disk and the processor busy in turns, and more
  /// would finish no sooner.
  size_t at_once = 2;
  /// A spare is made elsewhere after so long: a machine that boots again is back before.
  Duration spare_after = 2min;
};

/// The replicas of `placements` that are not `present` yet, of apps with something at a lost or a draining site, the
/// first first.
std::vector<Move> moves(const Network& network, std::span<const App> apps, std::span<const PlacedReplica> present,
                        const std::map<AppKey, AppPlacement>& placements, const PlacementOptions& options,
                        const MovePace& pace);

/// Those of them that begin now, in their order. `starting`: how many start already, by site. At each target the order
/// is kept: none overtakes one that waits for a start there.
std::vector<PlacedReplica> next_moves(std::span<const Move> moves, std::map<SiteId, size_t> starting,
                                      const MovePace& pace);

}  // namespace barrio::decide
