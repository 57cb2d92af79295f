#include "decide/pricing/spending.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>

#include "base/rng.h"

namespace barrio::decide::spending_test {

namespace {

const WallTime january = *parse_wall_time("2027-01-01T00:00:00Z");

Euros euros(const char* text) {
  return *Euros::parse(text);
}

std::vector<PriceList> priced(WallTime from, const char* per_1000_requests) {
  PriceList list{from, {}};
  list.prices.per_1000_requests = euros(per_1000_requests);
  return {list};
}

UsageRow row_of(const char* app, WallTime hour, int64_t requests) {
  return {AppKey{TenantId::of("acme"), AppName::of(app)},
          hour,
          hour + 1min,
          {.served = {.requests = requests}, .forwarded = {}, .noted = {}}};
}

const SiteId bio = SiteId::of("bio1");
const SiteId mad = SiteId::of("mad1");

}  // namespace

TEST_CASE("a mark is reached to the nano-euro, also of amounts that no double holds") {
  const Euros cap = euros("100EUR");
  CHECK(spend_mark(Euros::of_nanos(cap.nanos() / 2 - 1), cap) == 0);
  CHECK(spend_mark(euros("50EUR"), cap) == 50);
  CHECK(spend_mark(euros("79.999999999EUR"), cap) == 50);
  CHECK(spend_mark(euros("80EUR"), cap) == 80);
  CHECK(spend_mark(euros("99.999999999EUR"), cap) == 80);
  CHECK(spend_mark(cap, cap) == 100);
  const Euros most = Euros::of_nanos(std::numeric_limits<int64_t>::max());
  CHECK(spend_mark(most, most) == 100);
  CHECK(spend_mark(Euros::of_nanos(most.nanos() - 1), most) == 80);
  CHECK(spent_percent(euros("99.999999999EUR"), cap) == 99);
  CHECK(spent_percent(euros("250EUR"), cap) == 250);
  CHECK(spent_percent(most, Euros::of_nanos(1)) == most.nanos());
}

TEST_CASE("months are those of UTC, the last day and the leap day among them") {
  CHECK(month_of(*parse_wall_time("2027-01-31T23:59:59.999Z")) == january);
  CHECK(next_month(january) == *parse_wall_time("2027-02-01T00:00:00Z"));
  CHECK(next_month(*parse_wall_time("2027-12-31T23:00:00Z")) == *parse_wall_time("2028-01-01T00:00:00Z"));
  CHECK(next_month(*parse_wall_time("2028-02-29T12:00:00Z")) == *parse_wall_time("2028-03-01T00:00:00Z"));
}

TEST_CASE("rows that come twice, late or in any order add up to what usage --cost says of the last of each") {
  const auto prices = priced(january, "1EUR");
  Rng rng(7);
  for (int round = 0; round < 100; ++round) {
    struct Shipped {
      SiteId site;
      UsageRow row;
    };
    std::vector<Shipped> shipped;
    Cost wanted;
    for (const SiteId& site : {bio, mad}) {
      for (int hour = 0; hour < 3; ++hour) {
        int64_t requests = 0;
        for (int growth = 0; growth < 3; ++growth) {
          requests += static_cast<int64_t>(rng.next() % 100'000);
          shipped.push_back({site, row_of("street", january + std::chrono::hours(hour), requests)});
        }
        wanted.add(shipped.back().row.usage, prices.front().prices);
      }
    }
    const size_t once = shipped.size();
    for (size_t i = 0; i < once; ++i) shipped.push_back(shipped[rng.next() % once]);
    for (size_t i = shipped.size() - 1; i > 0; --i) std::swap(shipped[i], shipped[rng.next() % (i + 1)]);
    SpendTally tally(january);
    for (const Shipped& one : shipped) REQUIRE(tally.note({one.site, 1}, one.row, prices, january + 3h));
    CHECK(tally.total() == wanted.total());
  }
}

TEST_CASE("a whole month is one sum and its last hours, and a row of an hour in the sum is told") {
  const auto prices = priced(january, "1EUR");
  SpendTally tally(january);
  for (int hour = 0; hour < 31 * 24; ++hour)
    REQUIRE(
        tally.note({bio, 1}, row_of("street", january + std::chrono::hours(hour), 1000), prices, next_month(january)));
  CHECK(tally.total() == euros("744EUR"));
  CHECK(tally.note({bio, 1}, row_of("street", january + 743h, 1500), prices, next_month(january)));
  CHECK(tally.total() == euros("744.50EUR"));
  CHECK(!tally.note({bio, 1}, row_of("street", january + 1h, 1500), prices, next_month(january)));
  CHECK(tally.note({bio, 2}, row_of("street", january + 1h, 1500), prices,
                   next_month(january)));  // another journal's is another row
  CHECK(tally.note({mad, 1}, row_of("street", january + 1h, 1500), prices, next_month(january)));
  CHECK(tally.total() == euros("747.50EUR"));
}

TEST_CASE("hours of a clock that is ahead stay apart, and close none of the true ones") {
  const auto prices = priced(january, "1EUR");
  SpendTally tally(january);
  for (int ahead = 0; ahead < 10; ++ahead)
    REQUIRE(tally.note({bio, 1}, row_of("street", january + std::chrono::hours(240 + ahead), 1000), prices, january));
  for (int hour = 0; hour < 240; ++hour) {
    const WallTime now = january + std::chrono::hours(hour);
    REQUIRE(tally.note({bio, 1}, row_of("street", now, 1000), prices, now));
    REQUIRE(tally.note({bio, 1}, row_of("street", now, 2000), prices, now));
  }
  CHECK(tally.total() == euros("490EUR"));
  CHECK(!tally.note({bio, 1}, row_of("street", january + 1h, 3000), prices, january + 239h));
}

TEST_CASE("other months do not count, nor what was used before there was a price, nor what has none") {
  const auto prices = priced(january + 10h, "1EUR");
  SpendTally tally(january);
  CHECK(tally.note({bio, 1}, row_of("street", january - 1h, 1000), prices, next_month(january)));
  CHECK(tally.note({bio, 1}, row_of("street", next_month(january), 1000), prices, next_month(january)));
  CHECK(tally.note({bio, 1}, row_of("street", january + 9h, 1000), prices, next_month(january)));
  UsageRow unpriced = row_of("street", january + 10h, 0);
  unpriced.usage.served.bytes_out = 1'000'000'000'000;
  CHECK(tally.note({bio, 1}, unpriced, prices, next_month(january)));
  CHECK(tally.total() == Euros());
  CHECK(tally.note({bio, 1}, row_of("street", january + 11h, 1000), prices, next_month(january)));
  CHECK(tally.total() == euros("1EUR"));
}

TEST_CASE("more replicas or larger ones are more; fewer, smaller, and another release are not") {
  AppSpec before;
  before.replicas = 2;
  before.resources.memory = mib(100);
  AppSpec after = before;
  CHECK(!asks_for_more(before, after));
  after.model.builtin = "people";
  after.replicas = 1;
  after.resources.memory = mib(50);
  CHECK(!asks_for_more(before, after));
  CHECK(asks_for_more(after, before));
  after = before;
  after.replicas.reset();  // at every site
  CHECK(asks_for_more(before, after));
  CHECK(!asks_for_more(after, before));
  after = before;
  after.resources.accelerator = "L4";
  CHECK(asks_for_more(before, after));
  after = before;
  after.scale = ScaleSpec{.most = 8, .idle = {}};
  CHECK(asks_for_more(before, after));
  before.scale = ScaleSpec{.most = 8, .idle = {}};
  CHECK(!asks_for_more(before, after));
  after.scale->most.reset();
  CHECK(asks_for_more(before, after));
}

}  // namespace barrio::decide::spending_test
