#include <doctest/doctest.h>
// doctest first: base/check.h leaves its CHECK alone.
#include "control/world_test.h"

namespace barrio::control::usage_book_test {

namespace {

const WallTime morning = *parse_wall_time("2026-11-24T10:00:00Z");
const SiteId bio = SiteId::of("bio1");
const SiteId mad = SiteId::of("mad1");

UsageRow row(const char* app, WallTime hour, int64_t requests) {
  return {*AppKey::parse(app), hour, hour + 10min, {.served = {.requests = requests}, .forwarded = {}, .noted = {}}};
}

struct Books : World {
  int64_t take(const SiteId& site, UsageShipment shipment) {
    const auto through = usage.take(site, shipment);
    REQUIRE(through);
    return *through;
  }
  api::UsageAnswer report(api::UsageQuery query = {}) {
    if (query.to == WallTime()) {
      query.from = morning - 24h;
      query.to = morning + 48h;
    }
    const auto answer = usage.report(query);
    REQUIRE(answer);
    return *answer;
  }
  int64_t requests() { return report().total.usage.served.requests; }
};

}  // namespace

TEST_CASE("a shipment that comes twice, or late, or out of order, counts once") {
  Books books;
  const UsageShipment first{1, 0, 3, {row("acme/street", morning, 5)}};
  const UsageShipment second{1, 3, 4, {row("acme/street", morning, 7), row("acme/street", morning + 1h, 1)}};
  const UsageShipment both{1, 0, 4, second.rows};  // the answer to the first was lost
  CHECK(books.take(bio, first) == 3);
  CHECK(books.take(bio, first) == 3);
  CHECK(books.requests() == 5);
  CHECK(books.take(bio, both) == 4);
  CHECK(books.take(bio, second) == 4);
  CHECK(books.take(bio, first) == 4);
  CHECK(books.requests() == 8);
  CHECK(books.usage.figures().duplicates == 3);
  CHECK(books.usage.figures().gaps == 0);
}

TEST_CASE("a gap is refused and counted, and the answer says from where control needs it") {
  Books books;
  books.take(bio, {1, 0, 3, {row("acme/street", morning, 5)}});
  CHECK(books.take(bio, {1, 5, 6, {row("acme/street", morning, 9)}}) == 3);
  CHECK(books.usage.figures().gaps == 1);
  CHECK(books.requests() == 5);
  CHECK(books.take(bio, {1, 3, 6, {row("acme/street", morning, 9)}}) == 6);
  CHECK(books.requests() == 9);
}

TEST_CASE("sites, and the journals of one site, count apart") {
  Books books;
  books.take(bio, {1, 0, 3, {row("acme/street", morning, 5)}});
  books.take(mad, {1, 0, 3, {row("acme/street", morning, 20)}});
  books.take(bio, {2, 0, 1, {row("acme/street", morning, 100)}});  // its disk was lost
  CHECK(books.requests() == 125);
  books.take(bio, {1, 0, 3, {row("acme/street", morning, 5)}});  // an old message
  CHECK(books.requests() == 125);
}

TEST_CASE("a store that fails takes nothing, and the site's next try is taken; a restart changes nothing") {
  Books books;
  const UsageShipment shipment{1, 0, 3, {row("acme/street", morning, 5)}};
  books.usage_store.failures = 1;
  books.usage_store.failure = Code::unavailable;
  CHECK_FALSE(books.usage.take(bio, shipment));
  CHECK(books.requests() == 0);
  books.usage_store.failures = 2;
  books.usage_store.failure = Code::conflict;  // another sync of the same site was faster, twice
  CHECK(books.take(bio, shipment) == 3);
  UsageBook restarted(books.runtime, books.usage_store);
  CHECK(*restarted.take(bio, shipment) == 3);
  CHECK(books.requests() == 5);
  CHECK(books.usage.figures().failures == 1);
}

TEST_CASE("a site gets its orders even when its usage cannot be kept") {
  Books books;
  books.usage_store.failures = 1;
  books.usage_store.failure = Code::exhausted;
  SiteReport report;
  report.site = bio;
  report.usage = UsageShipment{1, 0, 3, {row("acme/street", morning, 5)}};
  auto orders = books.control->sync(report);
  REQUIRE(orders);
  CHECK_FALSE(orders->usage_through);
  CHECK(orders->snapshot);
  orders = books.control->sync(report);
  REQUIRE(orders);
  CHECK(orders->usage_through == 3);
}

TEST_CASE("what makes no sense is refused with the field") {
  Books books;
  CHECK(books.usage.take(bio, {0, 0, 1, {}}).error().where == "usage.journal");
  CHECK(books.usage.take(bio, {1, 2, 1, {}}).error().where == "usage.through");
  CHECK(books.usage.take(bio, {1, 0, 1, {row("acme/street", morning + 1min, 5)}}).error().where == "usage.rows.hour");
  CHECK(books.usage.take(bio, {1, 0, 1, std::vector<UsageRow>(5000, row("acme/street", morning, 5))}).error().where ==
        "usage.rows");
  CHECK_FALSE(from_json<UsageRow>(to_json(row("acme/street", morning, -1))));
}

TEST_CASE("sums are by what is asked for, over whole hours") {
  Books books;
  books.take(bio, {1, 0, 1, {row("acme/street", morning, 1), row("acme/gate", morning + 1h, 10)}});
  books.take(mad, {1, 0, 1, {row("acme/street", morning + 14h, 100), row("port/street", morning, 1000)}});
  auto ask = [&](std::map<std::string, std::string> parameters, const char* tenant = "") {
    auto query = api::UsageQuery::parse(
        [&](std::string_view name) {
          const auto found = parameters.find(std::string(name));
          return found == parameters.end() ? std::nullopt : std::optional(found->second);
        },
        *tenant == 0 ? TenantId() : TenantId::of(tenant), morning + 20h);
    REQUIRE_MESSAGE(query, (query ? "" : query.error().text()));
    return books.report(*query);
  };
  CHECK(ask({}).lines.size() == 4);
  CHECK(ask({}).total.usage.served.requests == 1111);
  CHECK(ask({}, "acme").total.usage.served.requests == 111);
  CHECK(ask({{"by", "tenant"}}).lines.size() == 2);
  const auto by_app = ask({{"by", "app"}});
  REQUIRE(by_app.lines.size() == 3);
  CHECK(by_app.lines[1].app == "street");
  CHECK(by_app.lines[1].tenant == "acme");
  CHECK(by_app.lines[1].usage.served.requests == 101);
  CHECK(ask({{"by", "hour"}}).lines.size() == 3);
  CHECK(ask({{"by", "hour"}}).lines[0].hour == "2026-11-24T10:00:00.000Z");
  CHECK(ask({{"site", "mad1"}}).total.usage.served.requests == 1100);
  CHECK(ask({{"tenant", "acme"}, {"app", "street"}}).total.usage.served.requests == 101);
  CHECK(ask({{"app", "street"}}).total.usage.served.requests == 1101);
  CHECK(ask({{"from", "2026-11-24T11:59:00Z"}, {"to", "2026-11-24T11:59:30Z"}}).total.usage.served.requests == 10);
  CHECK(ask({{"from", "2026-11-25"}}).total.usage.served.requests == 100);
  CHECK(ask({{"to", "2026-11-25"}}).total.usage.served.requests == 1011);
}

TEST_CASE("buckets are reported by name, site and where their bytes went, apart from an app of that name") {
  Books books;
  const auto of_bucket = [](std::optional<SiteId> to, int64_t bytes_out) {
    Usage usage;
    usage.stored = {.byte_hours = 10, .reads = 1, .bytes_out = bytes_out};
    return UsageRow{UsageKey(TenantId::of("acme"), *BucketName::parse("street"), std::move(to)), morning,
                    morning + 1min, usage};
  };
  books.take(bio, {1, 0, 3, {row("acme/street", morning, 5), of_bucket({}, 100), of_bucket(mad, 7)}});
  books.take(mad, {2, 0, 1, {of_bucket({}, 1000)}});
  books.take(mad, {2, 0, 1, {of_bucket({}, 1000)}});
  api::UsageQuery query;
  query.from = morning;
  query.to = morning + 1h;
  query.by = {.tenant = true, .bucket = true, .site = true, .to = true};
  query.bucket = *BucketName::parse("street");
  const auto answer = books.report(query);
  REQUIRE(answer.lines.size() == 3);
  CHECK(answer.lines[0].bucket == "street");
  CHECK(answer.lines[0].site == "bio1");
  CHECK(answer.lines[0].usage.stored.bytes_out == 100);
  CHECK(answer.lines[1].to == "mad1");
  CHECK(answer.lines[1].usage.stored.bytes_out == 7);
  CHECK(answer.lines[2].usage.stored.bytes_out == 1000);
  CHECK(answer.total.usage.stored.byte_hours == 30);
  CHECK(answer.total.usage.served.requests == 0);
  const std::string csv = api::usage_csv(answer);
  CHECK(csv.find("acme,,bio1,,0,0,0,0,0,0,0,0,0,0,street,mad1,10,1,0,0,0,0,7,0,0,0,0,0\r\n") != std::string::npos);
  query.bucket = {};
  query.app = AppName::of("street");
  CHECK(books.report(query).total.usage.stored.reads == 0);
  CHECK(books.requests() == 5);
}

TEST_CASE("a query that cannot be answered names the parameter") {
  auto where = [&](const char* name, const char* value) {
    const auto query = api::UsageQuery::parse(
        [&](std::string_view asked) { return asked == name ? std::optional<std::string>(value) : std::nullopt; }, {},
        morning);
    return query ? "" : query.error().where;
  };
  CHECK(where("from", "2026-11-24") == "");
  CHECK(where("from", "then") == "from");
  CHECK(where("from", "2027-01-01") == "from");
  CHECK(where("from", "2020-01-01") == "from");
  CHECK(where("to", "2026-13-01") == "to");
  CHECK(where("by", "app,week") == "by");
  CHECK(where("site", "Not a label") == "site");
  CHECK(where("app", "a/b") == "app");
  CHECK(where("tenant", "-") == "tenant");
}

}  // namespace barrio::control::usage_book_test
