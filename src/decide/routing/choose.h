#pragma once
// Which site answers soonest? predicted = round trip + queue + service at the objective's percentile + penalty, over
// sites that the policy permits, that are ready and that can be reached. Never distance alone. A draining site is used
// only where no other is. No lock, no allocation unless refused.
//
// The queue is what that site last reported as waiting (fading with its age) or what this worker has in flight there,
// whichever is more, times the mean service time. A site counts as faster or slower than the others only beyond what is
// noise between like sites (LoadView::measured).
//
// Where the app has failed lately (LoadView::app_failed) it is asked only if nothing else can serve it: refusing would
// help nobody. What another gateway forwarded is refused there as long as some other site may do better.
//
// A request that will probably miss its objective is sent all the same: the prediction is a tail, most answers are
// faster, and a late answer until the deadline is worth more than none. Only a site whose round trip alone is longer
// than what is left is left out; when that leaves none, the refusal says `objective`.

#include <optional>
#include <variant>

#include "base/rng.h"
#include "decide/routing/load_view.h"
#include "model/device.h"
#include "model/refusal.h"

namespace barrio::decide {

/// Predictions within 5 % of the best, and at most this far from it, are equal: the own site first, else one of them at
/// random.
inline constexpr double tie_share = 0.05;
inline constexpr float tie_most_ms = 0.5F;

struct Ask {
  size_t app = 0;
  uint64_t device = 0;  // a stable hash of who asks
  Time now{};
  Duration left{};         // until the deadline
  SiteSet tried = {};      // not these again
  bool here_only = false;  // was forwarded already
};

struct Choice {
  size_t site = 0;
  Duration predicted{};
};

using Routed = std::variant<Choice, Refusal>;

Routed choose(const RoutingTable& table, const LoadView& view, const Ask& ask, Rng& rng);

/// Another site, not draining, is ready to serve the app and can be reached from here.
bool served_elsewhere(const RoutingTable& table, const LoadView& view, size_t app, Time now);

struct Ranked {
  size_t site = 0;
  Duration predicted{};
};

/// All usable sites for a device at `location` (none: at this worker's site), best first, with the time from the device
/// to the answer. Empty: nothing can serve it; explain() says why.
std::vector<Ranked> rank(const RoutingTable& table, const LoadView& view, size_t app, uint64_t device,
                         const DeviceLocation* location, Time now);

/// Why nothing can serve this request: names the policy, what it permits, and the nearest thing that would work.
Refusal explain(const RoutingTable& table, const LoadView& view, const Ask& ask);
/// It has no replica since nobody asked for it (ScaleSpec::idle), or the first is starting.
bool sleeps(const RoutingTable& table, const LoadView& view, size_t app);
/// Why site `entry` may not even read a request of this app, with a permitted site as the nearest.
Refusal explain_entry(const RoutingTable& table, const LoadView& view, size_t app, size_t entry, Time now);

}  // namespace barrio::decide
