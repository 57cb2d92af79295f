#include <algorithm>

#include "decide/residency/residency.h"
#include "decide/routing/choose.h"

namespace barrio::decide {

namespace {

constexpr size_t named_sites = 4;

std::string name_of(const Site& site) {
  return site.id.str() + " (" + site.city + ", " + site.jurisdiction.str() + ")";
}

std::string names_of(const RoutingTable& table, SiteSet sites) {
  std::string text;
  size_t named = 0;
  sites.each([&](size_t i) {
    if (named < named_sites) text += (named == 0 ? "" : ", ") + name_of(table.site(i));
    ++named;
  });
  if (named > named_sites) text += " and " + std::to_string(named - named_sites) + " more";
  return text;
}

std::string policy_of(const RoutingTable& table, size_t app) {
  return "policy '" + describe(table.app(app).app->spec.policy) + "'";
}

/// The ready, reachable site with the shortest round trip among `sites`.
std::optional<size_t> soonest(const RoutingTable& table, const LoadView& view, size_t app, SiteSet sites, Time now) {
  std::optional<size_t> best;
  (sites & view.ready(table, app)).each([&](size_t i) {
    if (!view.reachable(i, now) || now < view.load(app, i).back_at) return;
    if (!best || view.site(i).rtt_ms < view.site(*best).rtt_ms) best = i;
  });
  return best;
}

SiteSet serving_sites(const RoutingTable& table) {
  SiteSet all;
  for (size_t i = 0; i < table.site_count(); ++i) {
    if (table.site(i).status == SiteStatus::active) all.add(i);
  }
  return all;
}

/// What another policy would reach: the closest site that runs and that this policy excludes.
std::string excluded_but_up(const RoutingTable& table, const LoadView& view, size_t app, Time now) {
  std::optional<size_t> best;
  serving_sites(table).without(table.app(app).permitted).each([&](size_t i) {
    if (!view.reachable(i, now)) return;
    if (!best || view.site(i).rtt_ms < view.site(*best).rtt_ms) best = i;
  });
  if (!best) return "";
  return "a policy that also permits " + missing_for(table.app(app).app->spec.policy, table.site(*best)) +
         " could use " + name_of(table.site(*best));
}

std::string or_else(std::string first, const std::string& second) {
  if (second.empty()) return first;
  return first.empty() ? second : std::move(first) + "; or " + second;
}

}  // namespace

bool sleeps(const RoutingTable& table, const LoadView& view, size_t app) {
  const AppRoute& route = table.app(app);
  const auto& scale = route.app->spec.scale;
  if (!scale || !scale->idle || !(route.permitted & view.ready(table, app)).empty()) return false;
  const AppKey key = route.app->key();
  return std::ranges::all_of(table.snapshot().replicas, [&](const Replica& replica) {
    return replica.app != key || replica.phase == ReplicaPhase::starting;
  });
}

Refusal explain(const RoutingTable& table, const LoadView& view, const Ask& ask) {
  const AppRoute& route = table.app(ask.app);
  const std::string policy = policy_of(table, ask.app);
  if (route.permitted.empty()) {
    return {RefusalReason::policy, policy + " permits no active site", excluded_but_up(table, view, ask.app, ask.now)};
  }
  const SiteSet ready = route.permitted & view.ready(table, ask.app);
  if (ask.left <= Duration::zero() && !ready.empty())
    return {RefusalReason::objective, "no time is left of the request's", "a longer deadline"};
  const auto other = soonest(table, view, ask.app, route.permitted.without(ask.tried), ask.now);
  if (other && ask.here_only) {
    return {RefusalReason::unavailable, "the app is not ready at " + name_of(table.site(view.self())),
            "site " + name_of(table.site(*other))};
  }
  if (other) {
    return {RefusalReason::objective,
            "the round trip to " + name_of(table.site(*other)) + " alone, " +
                to_string(std::chrono::round<std::chrono::microseconds>(
                    std::chrono::duration<float, std::milli>(view.site(*other).rtt_ms))) +
                ", is longer than what is left of the request's time",
            "a longer deadline"};
  }
  if (sleeps(table, view, ask.app)) {
    const std::string in = to_string(route.app->spec.scale->warm_up);
    return {RefusalReason::unavailable,
            "the app has no replica while nobody asks for it; the next is ready in about " + in,
            "the same request in " + in};
  }
  const bool none_ready = ready.empty();
  return {RefusalReason::unavailable,
          policy + " permits only " + names_of(table, route.permitted) +
              (none_ready ? ": the app is ready on none of them" : ": none of them can be reached"),
          or_else(names_of(table, none_ready ? route.permitted : ready) + " once back",
                  excluded_but_up(table, view, ask.app, ask.now))};
}

Refusal explain_entry(const RoutingTable& table, const LoadView& view, size_t app, size_t entry, Time now) {
  const AppRoute& route = table.app(app);
  const auto other = soonest(table, view, app, route.permitted, now);
  std::string nearest = excluded_but_up(table, view, app, now);
  if (other)
    nearest = "site " + name_of(table.site(*other));
  else if (!route.permitted.empty())
    nearest = "site " + names_of(table, route.permitted) + " once ready";
  return {RefusalReason::policy,
          policy_of(table, app) + " does not permit site " + name_of(table.site(entry)) + " to read this app's data",
          std::move(nearest)};
}

}  // namespace barrio::decide
