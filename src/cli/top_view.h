#pragma once
// What `barrio top` shows, as values and as text: pure functions of what control answers.
//
// Rates are of the last seconds. Percentiles of several places are put together from those of each place: p50 is the
// median of theirs, weighted by answers; p99 is the worst of theirs, which the true one never exceeds.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"

namespace barrio::cli {

enum class TopSort { rate, p99, trouble, name };
BARRIO_DESCRIBE_ENUM(TopSort, rate, p99, trouble, name)
TopSort next_sort(TopSort sort);

struct TopOptions {
  TopSort sort = TopSort::rate;
  std::string tenant = {};  // empty: all
  size_t rows = 0;          // of the terminal; 0: no bound
};

struct TopSite {
  std::string site, city, status;
  int64_t power_used_w = 0, power_budget_w = 0;
  int64_t replicas = 0, replicas_ready = 0;
  int64_t in_flight = 0;
  double requests_per_s = 0;  // that entered here
  double served_per_s = 0;    // that were computed here
  double p50_ms = 0, p99_ms = 0;
};
BARRIO_DESCRIBE(TopSite, (),
                (site, city, status, power_used_w, power_budget_w, replicas, replicas_ready, in_flight, requests_per_s,
                 served_per_s, p50_ms, p99_ms))

struct TopApp {
  std::string app;  // "tenant/name"
  std::vector<std::string> served_by;
  double requests_per_s = 0;
  double refused_per_s = 0;
  double late_percent = 0;
  double p50_ms = 0, p99_ms = 0;
  double objective_ms = 0;  // 0: not known
};
BARRIO_DESCRIBE(TopApp, (), (app, served_by, requests_per_s, refused_per_s, late_percent, p50_ms, p99_ms, objective_ms))

struct TopView {
  std::string time;
  int64_t snapshot_version = 0;
  double requests_per_s = 0;
  int64_t in_flight = 0;
  std::vector<TopSite> sites;
  std::vector<TopApp> apps;
};
BARRIO_DESCRIBE(TopView, (), (time, snapshot_version, requests_per_s, in_flight, sites, apps))

/// From control's /live and /apps.
TopView top_view(const Json& live, const Json& apps, const TopOptions& options);
/// At most options.rows lines; those of apps come after those of sites, and both are cut where there is no room.
std::string top_text(const TopView& view, const TopOptions& options);
/// All tenants with an app or with traffic.
std::set<std::string> top_tenants(const Json& live, const Json& apps);

}  // namespace barrio::cli
