#include <doctest/doctest.h>
// doctest first: base/check.h leaves its CHECK alone.
#include "control/http_world_test.h"

namespace barrio::control::prices_test {

namespace {

PriceList of_requests(WallTime from, const char* per_1000) {
  PriceList list{from, {}};
  list.prices.per_1000_requests = *Euros::parse(per_1000);
  return list;
}

std::string text_of(const PriceList& list) {
  return print_json(to_json(list));
}

/// Site bio1 served this for tenant traffic, and as much for harbour.
void use(World& world, WallTime hour, int64_t requests, int64_t sequence) {
  UsageShipment shipment{9, sequence - 1, sequence, {}};
  for (const char* tenant : {"traffic", "harbour"}) {
    shipment.rows.push_back({AppKey{TenantId::of(tenant), AppName::of("street")},
                             hour,
                             hour + 1min,
                             {.served = {.requests = requests}, .forwarded = {}, .noted = {}}});
  }
  REQUIRE(world.usage.take(SiteId::of("bio1"), shipment));
}

}  // namespace

TEST_CASE("usage costs by the prices of its hour, and says so to who asks") {
  HttpWorld world;
  const WallTime hour = hour_of(world.runtime.wall());
  use(world, hour - 1h, 1000, 1);  // before there were prices
  use(world, hour, 1500, 2);
  use(world, hour + 1h, 1500, 3);
  CHECK(world.status("PUT", "/barrio/v1/prices", "ops", text_of(of_requests(hour, "0.40EUR"))) == 200);
  CHECK(world.status("PUT", "/barrio/v1/prices", "ops", text_of(of_requests(hour + 1h, "0.60EUR"))) == 200);
  const std::string span =
      "from=" + net::percent_encode(to_string(hour - 2h)) + "&to=" + net::percent_encode(to_string(hour + 2h));
  const Json mine = json_of(world.ask("GET", "/barrio/v1/usage?cost=true&by=hour&" + span, "traffic"));
  REQUIRE(mine.at("lines").as_array().size() == 3);
  CHECK(mine.at("lines").at(0).at("cost") == "0.00EUR");
  CHECK(mine.at("lines").at(1).at("cost") == "0.60EUR");
  CHECK(mine.at("lines").at(2).at("cost") == "0.90EUR");
  CHECK(mine.at("total").at("cost") == "1.50EUR");
  CHECK(json_of(world.ask("GET", "/barrio/v1/usage?cost=true&by=tenant&" + span, "ops")).at("total").at("cost") ==
        "3.00EUR");
  CHECK(!json_of(world.ask("GET", "/barrio/v1/usage?" + span, "traffic")).at("total").as_object().contains("cost"));
  const auto csv = world.ask("GET", "/barrio/v1/usage?cost=true&by=tenant&format=csv&" + span, "traffic").body;
  CHECK(has_text(csv, ",stored_passed_back,frames,tokens_in,tokens_out,cost\r\n"));
  CHECK(has_text(csv, ",0,0,0,1.50EUR\r\n"));
  CHECK(json_of(world.ask("GET", "/barrio/v1/usage?cost=1", "ops")).at("where") == "cost");
}

TEST_CASE("sums are by day and by month of UTC, and by one of them") {
  HttpWorld world;
  const WallTime midnight = *parse_wall_time("2026-11-30T00:00:00Z");
  REQUIRE(world.control->set_prices(of_requests(midnight, "1EUR")));
  use(world, midnight + 23h, 1000, 1);
  use(world, midnight + 24h, 2000, 2);
  use(world, midnight + 47h, 4000, 3);
  const auto lines = [&](const std::string& by) {
    std::vector<std::string> all;
    const Json answer =
        json_of(world.ask("GET", "/barrio/v1/usage?cost=true&from=2026-11-30&to=2026-12-02&by=" + by, "traffic"));
    for (const Json& line : answer.at("lines").as_array())
      all.push_back(std::string(line.at("hour").as_string()) + " " + std::string(line.at("cost").as_string()));
    return all;
  };
  CHECK(lines("day") ==
        std::vector<std::string>{"2026-11-30T00:00:00.000Z 1.00EUR", "2026-12-01T00:00:00.000Z 6.00EUR"});
  CHECK(lines("month") ==
        std::vector<std::string>{"2026-11-01T00:00:00.000Z 1.00EUR", "2026-12-01T00:00:00.000Z 6.00EUR"});
  CHECK(json_of(world.ask("GET", "/barrio/v1/usage?by=day,month", "ops")).at("where") == "by");
}

TEST_CASE("prices are the operator's, for hours to come, and outlive control") {
  HttpWorld world;
  const WallTime hour = hour_of(world.runtime.wall());
  const std::string past = text_of(of_requests(hour - 24h, "0.40EUR"));
  CHECK(world.status("PUT", "/barrio/v1/prices", "traffic", past) == 403);
  CHECK(json_of(world.ask("GET", "/barrio/v1/prices", "traffic")).at("lists").as_array().empty());
  CHECK(world.status("PUT", "/barrio/v1/prices", "ops", past) == 200);  // the first may be of the past
  CHECK(world.status("PUT", "/barrio/v1/prices", "ops", past) == 200);  // the same again changes nothing
  const auto refused = [&](const PriceList& list) {
    return json_of(world.ask("PUT", "/barrio/v1/prices", "ops", text_of(list))).at("where");
  };
  CHECK(refused(of_requests(hour - 24h, "0.50EUR")) == "from");
  CHECK(refused(of_requests(hour - 1h, "0.50EUR")) == "from");
  CHECK(refused(of_requests(hour + 1min, "0.50EUR")) == "from");
  const std::string wrong = R"({"from":")" + to_string(hour) + R"(","prices":{"per_gb_in":"1USD"}})";
  CHECK(json_of(world.ask("PUT", "/barrio/v1/prices", "ops", wrong)).at("where") == "prices.per_gb_in");
  CHECK(world.status("PUT", "/barrio/v1/prices", "ops", text_of(of_requests(hour, "0.50EUR"))) == 200);
  CHECK(json_of(world.ask("GET", "/barrio/v1/prices", "traffic")).at("lists").as_array().size() == 2);
  CHECK(json_of(world.ask("GET", "/barrio/v1/audit", "ops")).at("entries").as_array().size() == 2);
  world.restart();
  REQUIRE(world.control->prices().size() == 2);
  CHECK(world.control->prices()[1].prices.per_1000_requests == *Euros::parse("0.50EUR"));
}

}  // namespace barrio::control::prices_test
