#include <doctest/doctest.h>
// doctest first: base/check.h leaves its CHECK alone.
#include "control/http_world_test.h"

namespace barrio::control::spending_test {

namespace {

const TenantId traffic = TenantId::of("traffic");
const std::string tenant_path = "/barrio/v1/tenants/traffic";
const std::string cap_path = tenant_path + "/spend-cap";

Euros euros(const char* text) {
  return *Euros::parse(text);
}

/// A request costs an euro from the beginning of this month on.
void set_price(World& world) {
  PriceList list{month_of(world.runtime.wall()), {}};
  list.prices.per_1000_requests = euros("1000EUR");
  REQUIRE(world.control->set_prices(list));
}

/// What bio1 ships of an hour, by the way that sites do.
void ship(World& world, WallTime hour, int64_t requests, int64_t sequence, int64_t journal = 9) {
  SiteReport report;
  report.site = SiteId::of("bio1");
  report.gateway = "127.0.0.1:7000";
  report.usage = UsageShipment{journal, sequence - 1, sequence, {}};
  report.usage->rows.push_back({AppKey{traffic, AppName::of("street")},
                                hour,
                                hour + 1min,
                                {.served = {.requests = requests}, .forwarded = {}, .noted = {}}});
  const auto orders = world.control->sync(report);
  REQUIRE(orders);
  REQUIRE(orders->usage_through == sequence);
}

void count(World& world) {
  const auto counted = world.control->count_spending();
  REQUIRE_MESSAGE(counted, (counted ? "" : counted.error().text()));
}

std::vector<std::string> told(World& world, int64_t& after, const TenantId& viewer = {}) {
  std::vector<std::string> all;
  const auto some = world.control->events().after(after, viewer);
  for (const Event& event : some.events) {
    if (event.kind.starts_with("spend.")) all.push_back(event.kind + " " + event.what + ", " + event.detail);
  }
  after = some.last;
  return all;
}

const SpendStop* stop_of(const World& world) {
  const auto& stops = world.control->snapshot()->spend_stops;
  const auto found = stops.find("traffic");
  return found == stops.end() ? nullptr : &found->second;
}

using Told = std::vector<std::string>;

const WallTime february = *parse_wall_time("2027-02-01T00:00:00Z");

/// A hundred euros are spent in January, and the cap is as it was written when the clock was in February already.
void restart_with_cap_of_february(World& world) {
  set_price(world);
  ship(world, hour_of(world.runtime.wall()), 100, 1);
  const SpendCap cap{traffic, euros("100EUR"), world.runtime.wall(), february, 0, false, {}};
  REQUIRE(world.memory.commit({}, {write_json(key::spend_cap(traffic), cap)}));
  world.restart();
}

}  // namespace

TEST_CASE("the operator caps a tenant, who sees what is spent of it; both leave an audit entry, and the cap can go") {
  HttpWorld world;
  set_price(world);
  const WallTime hour = hour_of(world.runtime.wall());
  ship(world, hour, 30, 1);
  CHECK(world.status("PUT", cap_path, "traffic", R"({"cap":"100EUR"})") == 403);
  CHECK(world.status("PUT", "/barrio/v1/tenants/nobody/spend-cap", "ops", R"({"cap":"100EUR"})") == 404);
  CHECK(json_of(world.ask("PUT", cap_path, "ops", R"({"cap":"0EUR"})")).at("where") == "cap");
  CHECK(json_of(world.ask("PUT", cap_path, "ops", R"({"cap":"100USD"})")).at("where") == "cap");
  CHECK(!json_of(world.ask("GET", tenant_path, "traffic")).as_object().contains("spending"));
  CHECK(world.status("DELETE", cap_path, "ops") == 404);
  const auto set = world.ask("PUT", cap_path, "ops", R"({"cap":"100EUR"})");
  REQUIRE_MESSAGE(set.status == 200, set.body);
  for (const Json& tenant : {json_of(set), json_of(world.ask("GET", tenant_path, "traffic")),
                             json_of(world.ask("GET", "/barrio/v1/tenants", "ops")).at("tenants").at(1)}) {
    const Json& spending = tenant.at("spending");
    CHECK(spending.at("cap") == "100.00EUR");
    CHECK(spending.at("spent") == "30.00EUR");
    CHECK(spending.at("percent") == 30);
    CHECK(spending.at("until") == "2027-02-01T00:00:00.000Z");
    CHECK(spending.at("reached") == false);
  }
  // One below what is spent already says so at once.
  const Json below = json_of(world.ask("PUT", cap_path, "ops", R"({"cap":"30EUR"})")).at("spending");
  CHECK(below.at("percent") == 100);
  CHECK(below.at("reached") == true);
  CHECK(world.status("PUT", cap_path, "ops", R"({"cap":"100EUR"})") == 200);
  CHECK(world.status("GET", tenant_path, "harbour") == 403);
  CHECK(world.status("PUT", cap_path, "ops", R"({"cap":"100EUR"})") == 200);  // the same again changes nothing
  CHECK(world.status("DELETE", cap_path, "ops") == 204);
  CHECK(!json_of(world.ask("GET", tenant_path, "ops")).as_object().contains("spending"));
  Told entries;
  const Json audit = json_of(world.ask("GET", "/barrio/v1/audit", "traffic"));
  for (const Json& entry : audit.at("entries").as_array())
    entries.push_back(std::string(entry.at("action").as_string()) + " " + std::string(entry.at("detail").as_string()));
  CHECK(entries ==
        Told{"spend cap set 100.00EUR", "spend cap set 30.00EUR", "spend cap set 100.00EUR", "spend cap remove "});
}

TEST_CASE("marks are told once each, as are those that are reached together, and not again by a restarted control") {
  World world{with_accounts()};
  set_price(world);
  const WallTime hour = hour_of(world.runtime.wall());
  REQUIRE(world.control->set_spend_cap(traffic, euros("100EUR")));
  int64_t after = world.control->events().last();
  int64_t others = after;
  ship(world, hour, 49, 1);
  count(world);
  CHECK(told(world, after).empty());
  ship(world, hour, 50, 2);
  count(world);
  count(world);
  CHECK(told(world, after) == Told{"spend.50 traffic, 50.00EUR of 100.00EUR in 2027-01"});
  world.restart();
  after = world.control->events().last();
  count(world);
  ship(world, hour, 60, 3);
  count(world);
  CHECK(told(world, after).empty());
  ship(world, hour + 1h, 41, 4);
  count(world);
  CHECK(told(world, after) == Told{"spend.80 traffic, 101.00EUR of 100.00EUR in 2027-01",
                                   "spend.100 traffic, 101.00EUR of 100.00EUR in 2027-01"});
  CHECK(told(world, others, TenantId::of("harbour")).empty());
}

TEST_CASE(
    "at the cap sites are told until when, and a restart, a raise and the next month change that as they should") {
  World world{with_accounts()};
  set_price(world);
  const WallTime hour = hour_of(world.runtime.wall());
  REQUIRE(world.control->set_spend_cap(traffic, euros("100EUR")));
  CHECK(stop_of(world) == nullptr);
  ship(world, hour, 100, 1);
  count(world);
  REQUIRE(stop_of(world) != nullptr);
  CHECK(*stop_of(world) == SpendStop{euros("100EUR"), *parse_wall_time("2027-02-01T00:00:00Z")});
  world.restart();
  REQUIRE(stop_of(world) != nullptr);
  int64_t after = world.control->events().last();
  count(world);
  REQUIRE(world.control->set_spend_cap(traffic, euros("100.000000001EUR")));
  CHECK(stop_of(world) == nullptr);
  CHECK(told(world, after) == Told{"spend.50 traffic, 100.00EUR of 100.000000001EUR in 2027-01",
                                   "spend.80 traffic, 100.00EUR of 100.000000001EUR in 2027-01"});
  REQUIRE(world.control->set_spend_cap(traffic, euros("90EUR")));
  REQUIRE(stop_of(world) != nullptr);
  CHECK(told(world, after) == Told{"spend.100 traffic, 100.00EUR of 90.00EUR in 2027-01"});
  // Raised, but not enough.
  REQUIRE(world.control->set_spend_cap(traffic, euros("95EUR")));
  REQUIRE(stop_of(world) != nullptr);
  CHECK(stop_of(world)->cap == euros("95EUR"));
  CHECK(told(world, after).size() == 3);
  world.runtime.sleep_for(17 * 24h);  // February
  count(world);
  CHECK(stop_of(world) == nullptr);
  CHECK(told(world, after).empty());
  const auto view = world.control->spending(traffic);
  REQUIRE(view);
  CHECK(view->spent == Euros());
  CHECK(view->until == *parse_wall_time("2027-03-01T00:00:00Z"));
  // A row of January that comes late is January's.
  ship(world, hour, 5000, 2);
  ship(world, hour_of(world.runtime.wall()), 48, 3);
  count(world);
  CHECK(world.control->spending(traffic)->spent == euros("48EUR"));
  CHECK(told(world, after) == Told{"spend.50 traffic, 48.00EUR of 95.00EUR in 2027-02"});
}

TEST_CASE(
    "what is told in a new month is what was spent in that, also where the same mark was reached in the last one") {
  World world{with_accounts()};
  set_price(world);
  REQUIRE(world.control->set_spend_cap(traffic, euros("100EUR")));
  int64_t after = world.control->events().last();
  ship(world, hour_of(world.runtime.wall()), 60, 1);
  count(world);
  CHECK(told(world, after) == Told{"spend.50 traffic, 60.00EUR of 100.00EUR in 2027-01"});
  world.runtime.sleep_for(17 * 24h);
  ship(world, hour_of(world.runtime.wall()), 55, 2);
  count(world);
  CHECK(told(world, after) == Told{"spend.50 traffic, 55.00EUR of 100.00EUR in 2027-02"});
}

TEST_CASE("a clock that goes back over the end of a month tells nothing again and stops nobody again") {
  World world{with_accounts()};
  restart_with_cap_of_february(world);
  int64_t after = world.control->events().last();
  world.runtime.sleep_for(february - 5min - world.runtime.wall());
  count(world);
  CHECK(stop_of(world) == nullptr);
  CHECK(told(world, after).empty());
  world.runtime.sleep_for(5min);
  ship(world, february, 50, 2);
  count(world);
  CHECK(told(world, after) == Told{"spend.50 traffic, 50.00EUR of 100.00EUR in 2027-02"});
}

TEST_CASE("a clock that was wrong by a month leaves nobody without a cap") {
  World world{with_accounts()};
  restart_with_cap_of_february(world);
  count(world);
  CHECK(stop_of(world) != nullptr);
}

TEST_CASE("what is spent is what usage says it costs: prices that are set later, and hours that sites ship late") {
  World world{with_accounts()};
  const WallTime hour = hour_of(world.runtime.wall());
  REQUIRE(world.control->set_spend_cap(traffic, euros("100EUR")));
  const auto spent = [&] {
    count(world);
    const auto view = world.control->spending(traffic);
    REQUIRE(view);
    REQUIRE(view->spent);
    return view->spent->str();
  };
  int64_t sequence = 0;
  for (int i = 0; i < 6; ++i) ship(world, hour - 5h + std::chrono::hours(i), 1, ++sequence);
  CHECK(spent() == "0.00EUR");
  set_price(world);
  CHECK(spent() == "6.00EUR");
  ship(world, hour - 5h, 11, ++sequence);  // of an hour that is long in the sum
  CHECK(spent() == "16.00EUR");
  ship(world, hour, 4, 1, 10);  // another journal of the site
  CHECK(spent() == "20.00EUR");
  ship(world, hour + 24h * 5, 3, ++sequence);  // of a clock that is ahead
  CHECK(spent() == "23.00EUR");
  world.restart();
  CHECK(spent() == "23.00EUR");
  PriceList dearer{hour, {}};
  dearer.prices.per_1000_requests = euros("2000EUR");
  REQUIRE(world.control->set_prices(dearer));
  CHECK(spent() == "31.00EUR");
  api::UsageQuery query;
  query.from = month_of(hour);
  query.to = next_month(hour);
  query.tenant = traffic;
  query.cost = true;
  const auto bill = world.usage.report(query, world.control->prices());
  REQUIRE(bill);
  CHECK(bill->total.cost == euros("31EUR"));
}

TEST_CASE("a count that the store fails is made again, and until then nobody is said to have spent anything") {
  World world{with_accounts()};
  set_price(world);
  ship(world, hour_of(world.runtime.wall()), 100, 1);
  world.usage_store.lists_fail = 1;
  REQUIRE(world.control->set_spend_cap(traffic, euros("100EUR")));
  CHECK(!world.control->spending(traffic)->spent);
  CHECK(stop_of(world) == nullptr);
  count(world);
  CHECK(world.control->spending(traffic)->percent == 100);
  CHECK(stop_of(world) != nullptr);
  world.store.failures = 1;
  world.store.failure = Code::unavailable;
  REQUIRE(!world.control->set_spend_cap(traffic, euros("200EUR")));
  CHECK(stop_of(world) != nullptr);
}

TEST_CASE("a cap that is raised lets nobody go before it is known what was spent") {
  World world{with_accounts()};
  set_price(world);
  ship(world, hour_of(world.runtime.wall()), 160, 1);
  REQUIRE(world.control->set_spend_cap(traffic, euros("100EUR")));
  REQUIRE(stop_of(world) != nullptr);
  world.restart();
  world.usage_store.lists_fail = 1;
  REQUIRE(world.control->set_spend_cap(traffic, euros("150EUR")));
  CHECK(!world.control->spending(traffic)->spent);
  REQUIRE(stop_of(world) != nullptr);
  CHECK(stop_of(world)->cap == euros("150EUR"));
  count(world);
  CHECK(stop_of(world) != nullptr);
  REQUIRE(world.control->set_spend_cap(traffic, euros("200EUR")));
  CHECK(stop_of(world) == nullptr);
}

TEST_CASE("who cannot be counted keeps nobody else from being held to a cap") {
  World world{with_accounts()};
  set_price(world);
  ship(world, hour_of(world.runtime.wall()), 100, 1);
  const TenantId harbour = TenantId::of("harbour");  // is counted before traffic
  world.usage_store.lists_fail = 2;
  REQUIRE(world.control->set_spend_cap(harbour, euros("100EUR")));
  REQUIRE(world.control->set_spend_cap(traffic, euros("100EUR")));
  world.usage_store.lists_fail = 1;
  CHECK(!world.control->count_spending());
  CHECK(!world.control->spending(harbour)->spent);
  CHECK(stop_of(world) != nullptr);
  count(world);
  CHECK(world.control->spending(harbour)->spent == Euros());
}

TEST_CASE("who sets a cap waits for that tenant's figures alone") {
  World world{with_accounts()};
  set_price(world);
  ship(world, hour_of(world.runtime.wall()), 100, 1);
  const TenantId harbour = TenantId::of("harbour");
  world.usage_store.lists_fail = 1;
  REQUIRE(world.control->set_spend_cap(harbour, euros("100EUR")));
  REQUIRE(world.control->set_spend_cap(traffic, euros("100EUR")));
  CHECK(stop_of(world) != nullptr);
  CHECK(!world.control->spending(harbour)->spent);
  count(world);
  CHECK(world.control->spending(harbour)->spent == Euros());
}

TEST_CASE("at its cap a tenant has no more copies made of a bucket, and may have fewer") {
  World world{with_accounts()};
  set_price(world);
  REQUIRE(world.control->storage(SiteId::of("bio1"), {0, "10.0.0.1:7480"}));
  REQUIRE(world.control->storage(SiteId::of("mad1"), {0, "10.0.0.2:7480"}));
  const auto frames = *BucketName::parse("frames");
  const auto kept = *BucketName::parse("kept");
  REQUIRE(world.control->create_bucket(traffic, {frames, "ES", {}, 1}, {}, {}));
  REQUIRE(world.control->create_bucket(traffic, {kept, "ES", {}, 2}, {}, {}));
  ship(world, hour_of(world.runtime.wall()), 100, 1);
  REQUIRE(world.control->set_spend_cap(traffic, euros("100EUR")));
  REQUIRE(stop_of(world) != nullptr);
  const auto refused = world.control->set_copies(traffic, frames, {2}, {});
  REQUIRE(!refused);
  CHECK(refused.error().code == Code::conflict);
  CHECK(has_text(refused.error().text(), "has spent its cap of 100.00EUR"));
  CHECK(world.control->set_copies(traffic, kept, {2}, {}));
  CHECK(world.control->set_copies(traffic, kept, {1}, {}));
  REQUIRE(world.control->remove_spend_cap(traffic));
  CHECK(world.control->set_copies(traffic, frames, {2}, {}));
}

TEST_CASE("a day of many rows is counted in pieces, between which others have their turn") {
  World world{with_accounts()};
  set_price(world);
  SiteReport report;
  report.site = SiteId::of("bio1");
  report.gateway = "127.0.0.1:7000";
  const WallTime hour = hour_of(world.runtime.wall());
  report.usage = UsageShipment{9, 0, 1, {}};
  for (int app = 0; app < 3500; ++app)
    report.usage->rows.push_back({AppKey{traffic, AppName::of("a" + std::to_string(app))},
                                  hour,
                                  hour + 1min,
                                  {.served = {.requests = 1}, .forwarded = {}, .noted = {}}});
  const auto orders = world.control->sync(report);
  REQUIRE(orders);
  REQUIRE(orders->usage_through == 1);
  const Time before = world.runtime.now();
  REQUIRE(world.control->set_spend_cap(traffic, euros("10000EUR")));
  count(world);
  CHECK(world.runtime.now() - before == 3ms);
  CHECK(world.control->spending(traffic)->spent == euros("3500EUR"));
}

TEST_CASE("at its cap a tenant deploys nothing and grows nothing; what runs stays, and may change or shrink") {
  HttpWorld world;
  set_price(world);
  AppSpec spec = people_app("street", "ES-PV");
  spec.replicas = 1;
  REQUIRE(world.control->deploy(traffic, spec));
  REQUIRE(world.control->deploy(traffic, people_app("everywhere", "ES-PV")));
  REQUIRE(world.control->set_spend_cap(traffic, euros("100EUR")));
  ship(world, hour_of(world.runtime.wall()), 100, 1);
  count(world);
  const auto fresh = world.ask("PUT", "/barrio/v1/apps/other", "traffic", world.app_json("other", "ES-PV"));
  CHECK(fresh.status == 422);
  CHECK(json_of(fresh).at("reason") == "spend_cap");
  CHECK(has_text(fresh.body, "has spent its cap of 100.00EUR"));
  CHECK(has_text(fresh.body, "2027-02-01T00:00:00.000Z"));
  AppSpec grown = spec;
  grown.resources.memory = mib(1024);
  const auto refused = world.control->deploy(traffic, grown);
  REQUIRE(!refused);
  REQUIRE(refused.error().refusal);
  CHECK(refused.error().refusal->reason == RefusalReason::spend_cap);
  AppSpec smaller = spec;
  smaller.resources.memory = mib(256);
  CHECK(world.control->deploy(traffic, spec));
  CHECK(world.control->deploy(traffic, smaller));
  CHECK(!world.control->deploy(traffic, people_app("everywhere", "ES")));
  CHECK(world.control->snapshot()->replicas.size() == 2);
  CHECK(world.control->deploy(TenantId::of("harbour"), people_app("other", "ES-PV")));
  REQUIRE(world.control->remove_spend_cap(traffic));
  CHECK(stop_of(world) == nullptr);
  CHECK(world.control->deploy(traffic, grown));
}

}  // namespace barrio::control::spending_test
