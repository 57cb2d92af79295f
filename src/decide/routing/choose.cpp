#include "decide/routing/choose.h"

#include <algorithm>
#include <array>
#include <limits>

#include "decide/latency/path.h"

namespace barrio::decide {

namespace {

constexpr float per_ms = 1e-6F;

constexpr float per(Duration lifetime) {
  return 1.0F / static_cast<float>(lifetime.count());
}

/// 1 when fresh, 0 at the end of its lifetime and after.
float freshness(Time at, float per_lifetime, Time now) {
  return std::max(0.0F, 1.0F - static_cast<float>((now - at).count()) * per_lifetime);
}

/// Of a site, or of an app at a site.
template <class Load>
float penalty_ms(const Load& load, Time now) {
  if (load.penalty_ms == 0) return 0;
  return load.penalty_ms * freshness(load.penalty_at, per(penalty_lifetime), now);
}

float queue_and_service_ms(const AppLoad& load, const ServiceTime& prior, Time now) {
  const bool known = load.measured && now - load.measured_at < service_lifetime;
  const float mean = known ? load.mean_ms : static_cast<float>(prior.mean.count()) * per_ms;
  const float tail = known ? load.tail_ms : static_cast<float>(prior.tail.count()) * per_ms;
  float waiting = load.waiting;
  if (waiting > 0) waiting *= freshness(load.waiting_at, per(waiting_lifetime), now);
  return std::max(waiting, static_cast<float>(load.in_flight)) * mean + tail;
}

/// failing: the site can be reached, but the app has just failed there.
enum class Presence { away, failing, returning, present };

Presence presence(const SiteLoad& site, const AppLoad& load, size_t index, uint64_t device, Time now) {
  if (now < site.back_at) return Presence::away;
  if (now < load.back_at) return Presence::failing;
  const Time back = std::max(site.back_at, load.back_at);
  if (back == Time::min() || now >= back + return_window) return Presence::present;
  const auto turn =
      Duration(static_cast<Duration::rep>(mix(device, index) % static_cast<uint64_t>(return_window.count())));
  return now >= back + turn ? Presence::present : Presence::returning;
}

struct Scores {
  std::array<float, max_sites> predicted_ms;  // where one of the sets has the site
  SiteSet usable;
  SiteSet returning;
  SiteSet failing;

  SiteSet& of(Presence presence) {
    if (presence == Presence::present) return usable;
    return presence == Presence::returning ? returning : failing;
  }
};

void score(Scores& scores, SiteSet candidates, const LoadView& view, const Ask& ask) {
  const AppLoad* loads = view.apps_at(ask.app);
  const ServiceTime& prior = view.app(ask.app).prior;
  const float left_ms = static_cast<float>(ask.left.count()) * per_ms;
  candidates.each([&](size_t i) {
    const SiteLoad& site = view.site(i);
    const Presence here = presence(site, loads[i], i, ask.device, ask.now);
    if (here == Presence::away || site.rtt_ms >= left_ms) return;
    scores.of(here).add(i);
    scores.predicted_ms[i] = site.rtt_ms + penalty_ms(site, ask.now) + penalty_ms(loads[i], ask.now) +
                             queue_and_service_ms(loads[i], prior, ask.now);
  });
}

SiteSet candidates_of(const RoutingTable& table, const LoadView& view, const Ask& ask) {
  SiteSet candidates = (table.app(ask.app).permitted & view.ready(table, ask.app)).without(ask.tried);
  return ask.here_only ? candidates & SiteSet::of(view.self()) : candidates;
}

/// Present sites before returning ones, those before failing ones, and of each the draining ones last.
SiteSet preferred(const Scores& scores, SiteSet draining) {
  for (const SiteSet& sites : {scores.usable, scores.returning, scores.failing}) {
    const SiteSet staying = sites.without(draining);
    if (!staying.empty()) return staying;
    if (!sites.empty()) return sites;
  }
  return {};
}

size_t pick(const Scores& scores, SiteSet from, size_t self, Rng& rng) {
  float best = std::numeric_limits<float>::max();
  from.each([&](size_t i) { best = std::min(best, scores.predicted_ms[i]); });
  const float limit = best + std::min(best * static_cast<float>(tie_share), tie_most_ms);
  if (from.has(self) && scores.predicted_ms[self] <= limit) return self;
  uint64_t equals = 0;
  size_t picked = 0;
  from.each([&](size_t i) {
    if (scores.predicted_ms[i] <= limit && rng.below(++equals) == 0) picked = i;
  });
  return picked;
}

}  // namespace

Routed choose(const RoutingTable& table, const LoadView& view, const Ask& ask, Rng& rng) {
  Scores scores;
  score(scores, candidates_of(table, view, ask), view, ask);
  if (ask.here_only && !scores.failing.empty() && served_elsewhere(table, view, ask.app, ask.now)) scores.failing = {};
  const SiteSet from = preferred(scores, table.draining());
  if (from.empty()) return explain(table, view, ask);
  const size_t site = pick(scores, from, view.self(), rng);
  return Choice{site, from_ms(static_cast<double>(scores.predicted_ms[site]))};
}

bool served_elsewhere(const RoutingTable& table, const LoadView& view, size_t app, Time now) {
  const SiteSet others = (table.app(app).permitted & view.ready(table, app)).without(table.draining());
  bool found = false;
  others.each([&](size_t i) {
    found = found || (i != view.self() && view.reachable(i, now) && now >= view.load(app, i).back_at);
  });
  return found;
}

std::vector<Ranked> rank(const RoutingTable& table, const LoadView& view, size_t app, uint64_t device,
                         const DeviceLocation* location, Time now) {
  const Ask ask{.app = app, .device = device, .now = now, .left = Duration::max()};
  Scores scores;
  score(scores, candidates_of(table, view, ask), view, ask);
  const SiteSet from = preferred(scores, table.draining());
  const PathModel& paths = table.snapshot().network.paths;
  std::vector<Ranked> ranked;
  from.each([&](size_t i) {
    Duration predicted = from_ms(static_cast<double>(scores.predicted_ms[i]));
    if (location != nullptr) {
      // From the device straight to the site, not through here.
      predicted -= from_ms(static_cast<double>(view.site(i).rtt_ms));
      predicted += access_rtt(paths, location->access) + path_rtt(paths, location->location, table.site(i).location);
    }
    ranked.push_back({i, predicted});
  });
  std::ranges::sort(ranked, {}, [](const Ranked& r) { return std::pair(r.predicted, r.site); });
  return ranked;
}

}  // namespace barrio::decide
