#include "cli/top_view.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "base/time.h"
#include "cli/table.h"
#include "cli/view.h"

namespace barrio::cli {

namespace {

double number_at(const Json& value, std::string_view path) {
  const Json& found = member(value, path);
  return found.is_number() ? found.to_number<double>() : 0;
}

int64_t whole_at(const Json& value, std::string_view path) {
  return static_cast<int64_t>(number_at(value, path));
}

std::string tenant_of(std::string_view app) {
  return std::string(app.substr(0, app.find('/')));
}

/// "tenant/name".
std::string app_of(const Json& flow) {
  return text_at(flow, "app");
}

/// Of several flows: what they say together.
struct Sum {
  double answered_per_s = 0;
  double late_per_s = 0;
  double refused_per_s = 0;
  double p99_ms = 0;
  std::vector<std::pair<double, double>> medians;  // p50 and its weight

  void add(const Json& flow) {
    // A control or a site that is older does not say how long the counts took.
    const double said = number_at(flow, "seconds");
    const double seconds = said > 0 ? said : 10;
    const double answered = number_at(flow, "answered") / seconds;
    answered_per_s += answered;
    late_per_s += number_at(flow, "late") / seconds;
    refused_per_s += number_at(flow, "refused") / seconds;
    if (answered <= 0) return;
    p99_ms = std::max(p99_ms, number_at(flow, "total.p99_ms"));
    medians.emplace_back(number_at(flow, "total.p50_ms"), answered);
  }
  double requests_per_s() const { return answered_per_s + refused_per_s; }
  double p50_ms() const {
    auto sorted = medians;
    std::ranges::sort(sorted);
    double below = 0;
    for (const auto& [median, weight] : sorted) {
      below += weight;
      if (below * 2 >= answered_per_s) return median;
    }
    return 0;
  }
};

struct Sums {
  std::map<std::string, Sum> by_entry;
  std::map<std::string, double> served_per_s;
  std::map<std::string, Sum> by_app;
  std::map<std::string, std::map<std::string, double>> servers;  // app -> site -> rate

  Sums(const Json& live, const std::string& tenant) {
    for (const Json& flow : items(live, "flows")) {
      const std::string app = app_of(flow);
      if (!tenant.empty() && tenant_of(app) != tenant) continue;
      by_entry[text_at(flow, "entered")].add(flow);
      by_app[app].add(flow);
      const std::string server = text_at(flow, "served_by");
      if (server.empty()) continue;
      Sum one;
      one.add(flow);
      served_per_s[server] += one.answered_per_s;
      servers[app][server] += one.answered_per_s;
    }
  }
};

TopSite site_of(const Json& site, Sums& sums) {
  const std::string id = text_at(site, "id");
  const Sum& entered = sums.by_entry[id];
  return {
      .site = id,
      .city = text_at(site, "city"),
      .status = true_at(site, "connected") || text_at(site, "status") == "planned" ? text_at(site, "status") : "lost",
      .power_used_w = whole_at(site, "power_used_w"),
      .power_budget_w = whole_at(site, "power_budget_w"),
      .replicas = whole_at(site, "replicas"),
      .replicas_ready = whole_at(site, "replicas_ready"),
      .in_flight = whole_at(site, "in_flight"),
      .requests_per_s = entered.requests_per_s(),
      .served_per_s = sums.served_per_s[id],
      .p50_ms = entered.p50_ms(),
      .p99_ms = entered.p99_ms};
}

std::vector<std::string> busiest_first(const std::map<std::string, double>& rates) {
  std::vector<std::pair<double, std::string>> sorted;
  for (const auto& [site, rate] : rates) sorted.emplace_back(-rate, site);
  std::ranges::sort(sorted);
  std::vector<std::string> sites;
  for (const auto& [rate, site] : sorted) sites.push_back(site);
  return sites;
}

TopApp app_row(const std::string& name, Sums& sums, double objective_ms) {
  const Sum& sum = sums.by_app[name];
  return {.app = name,
          .served_by = busiest_first(sums.servers[name]),
          .requests_per_s = sum.requests_per_s(),
          .refused_per_s = sum.refused_per_s,
          .late_percent = sum.answered_per_s > 0 ? 100 * sum.late_per_s / sum.answered_per_s : 0,
          .p50_ms = sum.p50_ms(),
          .p99_ms = sum.p99_ms,
          .objective_ms = objective_ms};
}

/// What is worth looking at: refused or late; or slow against what was promised.
double trouble(const TopApp& app) {
  const double overrun = app.objective_ms > 0 ? app.p99_ms / app.objective_ms : 0;
  return app.refused_per_s + app.requests_per_s * app.late_percent / 100 + overrun * 1e-3;
}

void sort(TopView& view, TopSort by) {
  std::ranges::sort(view.sites, {}, &TopSite::site);
  std::ranges::sort(view.apps, {}, &TopApp::app);
  const auto most_first = [](auto& rows, auto key) {
    std::ranges::stable_sort(rows, [&](const auto& a, const auto& b) { return key(a) > key(b); });
  };
  switch (by) {
    case TopSort::name: break;
    case TopSort::rate:
      most_first(view.sites, [](const TopSite& site) { return site.requests_per_s + site.served_per_s; });
      most_first(view.apps, [](const TopApp& app) { return app.requests_per_s; });
      break;
    case TopSort::p99:
      most_first(view.sites, [](const TopSite& site) { return site.p99_ms; });
      most_first(view.apps, [](const TopApp& app) { return app.p99_ms; });
      break;
    case TopSort::trouble:
      most_first(view.sites, [](const TopSite& site) { return site.status == "lost" ? 1e9 : site.p99_ms; });
      most_first(view.apps, [](const TopApp& app) { return trouble(app); });
      break;
  }
}

std::string ms_text(double ms) {
  return ms > 0 ? one_decimal(ms) : "-";
}

std::string site_table(const TopView& view, size_t most) {
  Table table({"SITE", "CITY", "STATUS", "POWER W", "READY", "REQ/S", "SERVED/S", "IN FLIGHT", "P50 ms", "P99 ms"});
  for (const TopSite& site : view.sites) {
    if (most-- == 0) break;
    table.add({site.site, site.city, site.status, fmt::format("{} of {}", site.power_used_w, site.power_budget_w),
               fmt::format("{}/{}", site.replicas_ready, site.replicas), one_decimal(site.requests_per_s),
               one_decimal(site.served_per_s), std::to_string(site.in_flight), ms_text(site.p50_ms),
               ms_text(site.p99_ms)});
  }
  return table.text();
}

std::string app_table(const TopView& view, size_t most) {
  constexpr size_t sites_named = 3;
  Table table({"APP", "SERVED BY", "REQ/S", "REFUSED/S", "LATE %", "P50 ms", "P99 ms", "OBJECTIVE ms"});
  for (const TopApp& app : view.apps) {
    if (most-- == 0) break;
    const std::span<const std::string> named(app.served_by.data(), std::min(sites_named, app.served_by.size()));
    std::string servers = named.empty() ? "-" : join_text(named, " ");
    if (app.served_by.size() > sites_named) servers += fmt::format(" +{}", app.served_by.size() - sites_named);
    table.add({app.app, servers, one_decimal(app.requests_per_s), one_decimal(app.refused_per_s),
               one_decimal(app.late_percent), ms_text(app.p50_ms), ms_text(app.p99_ms), ms_text(app.objective_ms)});
  }
  return table.text();
}

double objective_ms(const Json& app) {
  const auto objective = parse_duration(text_at(app, "app.spec.objective.latency"));
  return objective ? to_ms(*objective) : 0;
}

}  // namespace

TopSort next_sort(TopSort sort) {
  switch (sort) {
    case TopSort::rate: return TopSort::p99;
    case TopSort::p99: return TopSort::trouble;
    case TopSort::trouble: return TopSort::name;
    case TopSort::name: return TopSort::rate;
  }
  return TopSort::rate;
}

std::set<std::string> top_tenants(const Json& live, const Json& apps) {
  std::set<std::string> tenants;
  for (const Json& app : items(apps, "apps")) tenants.insert(text_at(app, "app.tenant"));
  for (const Json& flow : items(live, "flows")) tenants.insert(tenant_of(app_of(flow)));
  return tenants;
}

TopView top_view(const Json& live, const Json& apps, const TopOptions& options) {
  Sums sums(live, options.tenant);
  TopView view{
      .time = text_at(live, "time"), .snapshot_version = whole_at(live, "snapshot_version"), .sites = {}, .apps = {}};
  for (const Json& site : items(live, "sites")) {
    view.sites.push_back(site_of(site, sums));
    view.requests_per_s += view.sites.back().requests_per_s;
    view.in_flight += view.sites.back().in_flight;
  }
  std::map<std::string, double> objectives;
  for (const auto& [name, sum] : sums.by_app) objectives[name] = 0;
  for (const Json& app : items(apps, "apps")) {
    const std::string tenant = text_at(app, "app.tenant");
    if (!options.tenant.empty() && tenant != options.tenant) continue;
    objectives[tenant + "/" + text_at(app, "app.spec.name")] = objective_ms(app);
  }
  for (const auto& [name, objective] : objectives) view.apps.push_back(app_row(name, sums, objective));
  sort(view, options.sort);
  return view;
}

std::string top_text(const TopView& view, const TopOptions& options) {
  const auto lost = std::ranges::count(view.sites, "lost", &TopSite::status);
  std::string text = fmt::format(
      "barrio top  {}  snapshot {}  {} sites{}  {:.1f} requests/s  {} in flight   sort: {}  tenant: {}\n\n", view.time,
      view.snapshot_version, view.sites.size(), lost > 0 ? fmt::format(" ({} lost)", lost) : "", view.requests_per_s,
      view.in_flight, to_name(options.sort), options.tenant.empty() ? "all" : options.tenant);
  // Head, two table heads and two empty lines; half of the rest for apps, more if sites need less.
  constexpr size_t fixed = 6;
  size_t sites = view.sites.size();
  size_t apps = view.apps.size();
  if (options.rows > 0) {
    const size_t room = options.rows > fixed ? options.rows - fixed : 0;
    apps = std::min(apps, std::max(room / 2, room - std::min(room, sites)));
    sites = std::min(sites, room - apps);
  }
  return text + site_table(view, sites) + "\n" + app_table(view, apps);
}

}  // namespace barrio::cli
