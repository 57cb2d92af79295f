#include "decide/demand/demand_book.h"

#include <doctest/doctest.h>

namespace barrio::decide::demand_book_test {

namespace {

const AppKey video{TenantId::of("city"), AppName::of("video")};
const SiteId mad1 = SiteId::of("mad1");
const SiteId bcn1 = SiteId::of("bcn1");
constexpr Time start{1000s};
constexpr WallTime noon{std::chrono::hours(24 * 20000 + 12)};

Flow flow(const char* place, double in_2s, double in_10s, LatLon at = {40.4, -3.7}) {
  Flow made;
  made.app = video;
  made.place = place;
  made.location = at;
  made.offered_2s = in_2s;
  made.offered_10s = in_10s;
  return made;
}

void note(DemandBook& book, const SiteId& gateway, std::vector<Flow> flows, Time now) {
  book.note(gateway, flows, now);
}

double measured(const DemandBook& book, Time now) {
  return book.asked(video, now, noon).measured;
}

}  // namespace

TEST_CASE("a sudden rise counts at once, but for what chance may have made of it") {
  DemandBook book;
  note(book, mad1, {flow("Madrid", 200, 40)}, start);
  CHECK(measured(book, start) == doctest::Approx(180));  // 400 requests in two seconds, less two deviations of 20
}

TEST_CASE("chance alone does not raise a steady rate by much") {
  DemandBook book;
  note(book, mad1, {flow("Madrid", 14, 10)}, start);
  CHECK(measured(book, start) == doctest::Approx(10));
}

TEST_CASE("what is over still counts for three minutes, and no longer") {
  DemandBook book;
  note(book, mad1, {flow("Madrid", 100, 100)}, start);
  note(book, mad1, {flow("Madrid", 5, 5)}, start + 60s);
  CHECK(measured(book, start + 2min) == doctest::Approx(100));
  note(book, mad1, {flow("Madrid", 5, 5)}, start + 3min + 11s);
  CHECK(measured(book, start + 3min + 11s) == doctest::Approx(5));
  CHECK(measured(book, start + 10min) == 0);
  CHECK(book.last_asked(video) == start + 3min + 11s);
}

TEST_CASE("gateways that see the same place add up, and one that is silent or sees nothing more no longer counts") {
  DemandBook book;
  note(book, mad1, {flow("Madrid", 100, 100)}, start);
  note(book, bcn1, {flow("Madrid", 50, 50)}, start + 1s);
  CHECK(measured(book, start + 1s) == doctest::Approx(150));
  note(book, bcn1, {}, start + 5min);
  note(book, mad1, {flow("Madrid", 70, 70)}, start + 5min);
  CHECK(measured(book, start + 5min) == doctest::Approx(70));
  note(book, bcn1, {flow("Madrid", 10, 10)}, start + 10min);  // mad1 has been silent for minutes
  CHECK(measured(book, start + 10min) == doctest::Approx(10));
}

TEST_CASE("places beyond the most that are kept count at the nearest of them") {
  DemandBook book;
  std::vector<Flow> flows;
  for (size_t i = 0; i < most_places; ++i)
    flows.push_back(flow(("p" + std::to_string(i)).c_str(), 1, 1, {30 + static_cast<double>(i) / 10, 0}));
  flows.push_back(flow("beyond", 4, 4, {30.01, 0}));
  note(book, mad1, flows, start);
  const auto asked = book.asked(video, start, noon);
  CHECK(asked.places.size() == most_places);
  const auto p0 = std::ranges::find(asked.places, "p0", &DemandPlace::name);
  REQUIRE(p0 != asked.places.end());
  CHECK(*p0->requests_per_second == doctest::Approx(5));
}

TEST_CASE("an hour that was busy on earlier days is expected ten minutes before it begins") {
  DemandBook book;
  book.turn(start, noon - 1h);
  book.turn(start, noon);
  note(book, mad1, {flow("Madrid", 80, 80)}, start);
  CHECK(book.turn(start + 1h, noon + 1h) == std::set<AppKey>{video});
  const auto expected = [&](WallTime wall) { return book.asked(video, start + 20h, wall).expected; };
  CHECK(expected(noon + 24h) == doctest::Approx(80));
  CHECK(expected(noon + 24h - 9min) == doctest::Approx(80));
  CHECK(expected(noon + 24h - 11min) == 0);
  CHECK(expected(noon + 25h) == 0);
  for (int hour = 2; hour <= 25; ++hour) book.turn(start + hour * 1h, noon + hour * 1h);
  CHECK(expected(noon + 48h) == doctest::Approx(40));  // nobody came on the second day
}

TEST_CASE("an hour that was not seen from its beginning may raise what is expected and not lower it") {
  DemandBook book;
  book.put({video, {{"Madrid", {40.4, -3.7}, std::vector<double>(24, 50)}}});
  book.turn(start, noon + 30min);
  book.turn(start + 30min, noon + 1h);
  CHECK(book.asked(video, start + 30min, noon).expected == doctest::Approx(50));
}

TEST_CASE("a shape comes back from what was kept of it, and wrong ones are refused") {
  DemandBook book;
  PlaceShape place{"Madrid", {40.4, -3.7}, std::vector<double>(24, 0)};
  place.hours[12] = 7;
  book.put({video, {place}});
  const auto kept = book.shape(video);
  REQUIRE(kept);
  const auto read = from_json<DailyShape>(to_json(*kept));
  REQUIRE(read);
  DemandBook other;
  other.put(*read);
  CHECK(other.asked(video, start, noon).expected == doctest::Approx(7));
  place.hours.pop_back();
  const auto wrong = from_json<PlaceShape>(to_json(place));
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().text().find("24 rates") != std::string::npos);
}

TEST_CASE("of apps that are gone nothing is kept") {
  DemandBook book;
  note(book, mad1, {flow("Madrid", 80, 80)}, start);
  book.keep_only({});
  CHECK(measured(book, start) == 0);
  note(book, mad1, {}, start + 1s);
  CHECK_FALSE(book.shape(video));
}

}  // namespace barrio::decide::demand_book_test
