#include "cli/top_view.h"

#include <doctest/doctest.h>

#include "api/operator/views.h"
#include "base/time.h"

namespace barrio::cli::top_view_test {
namespace {

Flow flow(const char* app, const char* place, const char* server, int64_t answered, int64_t late, int64_t refused,
          double seconds, LatencyPair total) {
  Flow made;
  made.app = *AppKey::parse(app);
  made.place = place;
  if (*server != '\0') made.served_by = SiteId::of(server);
  made.answered = answered;
  made.late = late;
  made.refused = refused;
  made.seconds = seconds;
  made.total = total;
  return made;
}

/// As control tells it.
Json live_now() {
  api::LiveView view;
  view.time = *parse_wall_time("2026-11-24T10:00:00Z");
  view.snapshot_version = 17;
  const SiteId bio1 = SiteId::of("bio1");
  const SiteId mad1 = SiteId::of("mad1");
  view.sites = {{bio1, "Bilbao", 43.2, -2.9, SiteStatus::active, true, 4000, 80, 2, 2, 3},
                {mad1, "Madrid", 40.4, -3.7, SiteStatus::active, false, 9000, 40, 1, 0, 0}};
  view.flows = {{bio1, flow("acme/street", "Vigo", "bio1", 80, 8, 0, 4, {20, 90})},
                {bio1, flow("acme/street", "Lugo", "mad1", 20, 0, 0, 10, {50, 120})},
                {mad1, flow("rival/plates", "Vigo", "", 0, 0, 30, 10, {0, 0})}};
  return api::live_json(view);
}
const Json live = live_now();
const Json apps = *parse_json(R"({"apps": [
  {"app": {"tenant": "acme", "spec": {"name": "street", "objective": {"latency": "100ms"}}}},
  {"app": {"tenant": "acme", "spec": {"name": "idle", "objective": {"latency": "1s"}}}},
  {"app": {"tenant": "rival", "spec": {"name": "plates", "objective": {"latency": "50ms"}}}}]})");

std::vector<std::string> apps_by(TopSort sort) {
  std::vector<std::string> names;
  for (const TopApp& app : top_view(live, apps, {.sort = sort}).apps) names.push_back(app.app);
  return names;
}

TEST_CASE("rates are of the time that the counts took, medians are weighted, and the worst p99 is shown") {
  const TopView view = top_view(live, apps, {});
  REQUIRE(view.apps.size() == 3);
  const TopApp& street = view.apps[0];
  CHECK(street.app == "acme/street");
  CHECK(street.served_by == std::vector<std::string>{"bio1", "mad1"});
  CHECK(street.requests_per_s == doctest::Approx(22));
  CHECK(street.late_percent == doctest::Approx(100 * 2.0 / 22));
  CHECK(street.p50_ms == doctest::Approx(20));
  CHECK(street.p99_ms == doctest::Approx(120));
  CHECK(street.objective_ms == doctest::Approx(100));
  REQUIRE(view.sites.size() == 2);
  CHECK(view.sites[0].served_per_s == doctest::Approx(20));
  CHECK(view.sites[1].status == "lost");
  CHECK(view.sites[1].served_per_s == doctest::Approx(2));
  CHECK(view.requests_per_s == doctest::Approx(25));
  CHECK(view.in_flight == 3);
}

TEST_CASE("rows are sorted as asked, and a tenant's are picked out") {
  using Names = std::vector<std::string>;
  CHECK(apps_by(TopSort::rate) == Names{"acme/street", "rival/plates", "acme/idle"});
  CHECK(apps_by(TopSort::p99) == Names{"acme/street", "acme/idle", "rival/plates"});
  CHECK(apps_by(TopSort::trouble) == Names{"rival/plates", "acme/street", "acme/idle"});
  CHECK(apps_by(TopSort::name) == Names{"acme/idle", "acme/street", "rival/plates"});
  TopSort sort = TopSort::rate;
  for (int i = 0; i < 4; ++i) sort = next_sort(sort);
  CHECK(sort == TopSort::rate);
  const TopView rival = top_view(live, apps, {.tenant = "rival"});
  REQUIRE(rival.apps.size() == 1);
  CHECK(rival.requests_per_s == doctest::Approx(3));
  CHECK(top_tenants(live, apps) == std::set<std::string>{"acme", "rival"});
}

TEST_CASE("the frame is text that lines up, and keeps within the terminal") {
  const TopOptions options;
  CHECK(
      top_text(top_view(live, apps, options), options) ==
      "barrio top  2026-11-24T10:00:00.000Z  snapshot 17  2 sites (1 lost)  25.0 requests/s  3 in flight   sort: rate "
      " tenant: all\n"
      "\n"
      "SITE  CITY    STATUS  POWER W     READY  REQ/S  SERVED/S  IN FLIGHT  P50 ms  P99 ms\n"
      "bio1  Bilbao  active  80 of 4000  2/2    22.0   20.0      3          20.0    120.0\n"
      "mad1  Madrid  lost    40 of 9000  0/1    3.0    2.0       0          -       -\n"
      "\n"
      "APP           SERVED BY  REQ/S  REFUSED/S  LATE %  P50 ms  P99 ms  OBJECTIVE ms\n"
      "acme/street   bio1 mad1  22.0   0.0        9.1     20.0    120.0   100.0\n"
      "rival/plates  -          3.0    3.0        0.0     -       -       50.0\n"
      "acme/idle     -          0.0    0.0        0.0     -       -       1000.0\n");
  for (const size_t rows : {size_t{7}, size_t{8}, size_t{9}}) {
    const TopOptions small{.rows = rows};
    const std::string text = top_text(top_view(live, apps, small), small);
    CHECK(static_cast<size_t>(std::ranges::count(text, '\n')) <= rows);
  }
}

TEST_CASE("an answer that says less is shown with what it says") {
  const TopView view = top_view(*parse_json(R"({"sites":[{"id":"x"}],"flows":[{}]})"), Json(nullptr), {});
  CHECK(view.sites.size() == 1);
  CHECK(view.apps.size() == 1);
}

}  // namespace
}  // namespace barrio::cli::top_view_test
