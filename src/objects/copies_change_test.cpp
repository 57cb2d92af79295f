// More copies, fewer, and elsewhere, while a bucket is used.

#include <doctest/doctest.h>

#include <map>
#include <set>

#include "objects/copy_sites_test.h"

namespace barrio::objects::copies_change_test {

using copy_sites::CopyTest;
using copy_sites::text_of;

TEST_CASE("a bucket gets a copy while it is written: nothing acknowledged is missing there, and it survives its home") {
  CopyTest test(1, {});
  std::map<std::string, std::string> bodies;
  std::map<std::string, std::optional<Result<net::Response>>> answers;
  const auto begin_puts = [&](const char* name, int count) {
    for (int i = 0; i < count; ++i) {
      const std::string key = name + std::to_string(i);
      bodies[key] = text_of(i % 3 == 0 ? 300'000 : 500, static_cast<char>('a' + i));
      test.begin(test.bilbao, {"PUT", "/frames/" + key, bodies[key]}, answers[key]);
    }
  };
  CHECK(test.put(test.bilbao, "first", "before all") == 200);
  begin_puts("before", 12);
  test.turn_for(3ms);
  test.set_copies(2);
  begin_puts("during", 12);
  test.join("mad1");
  REQUIRE(test.turn_until(
      [&] { return std::ranges::all_of(answers, [](const auto& one) { return one.second.has_value(); }); }));
  for (const auto& [key, answer] : answers) CHECK((**answer).status == 200);
  CHECK(test.put(test.bilbao, "last", "after all") == 200);
  CHECK(test.same(test.bilbao, test.madrid));
  test.bilbao.stop();
  REQUIRE(test.turn_until([&] { return test.madrid.leads(); }));
  CHECK(test.get(test.madrid, "first") == "before all");
  CHECK(test.get(test.madrid, "last") == "after all");
  for (const auto& [key, body] : bodies) CHECK(test.get(test.madrid, key) == body);
}

TEST_CASE(
    "a site that drains hands its only copy over under writes: nothing acknowledged is lost, and it keeps nothing") {
  CopyTest test(1, {});
  std::map<std::string, std::set<std::string>> possible;  // one that ended with an error may stay
  const auto put = [&](int i) {
    const std::string key = "k" + std::to_string(i % 40);
    const std::string body = std::to_string(i) + text_of(i % 4 == 0 ? 200'000 : 500, 'x');
    if (!possible.contains(key)) possible[key] = {"404 NoSuchKey"};  // until one is acknowledged
    if (test.put(test.bilbao, key, body) == 200) possible[key].clear();
    possible[key].insert(body);
  };
  for (int i = 0; i < 20; ++i) put(i);
  test.drain("bio1");
  for (int i = 20; i < 300 && !(test.bucket().home.str() == "mad1" && i > 80); ++i) put(i);
  REQUIRE(test.bucket().home.str() == "mad1");
  CHECK(test.bucket().followers.empty());
  const std::string id = test.bucket().id;
  REQUIRE(test.turn_until([&] { return test.madrid.leads() && !test.bilbao.store->has_bucket(id); }));
  for (int i = 300; i < 310; ++i) put(i);  // passed on
  CHECK(possible.size() == 40);
  for (const auto& [key, bodies] : possible) {
    const std::string got = test.get(test.madrid, key);
    CHECK_MESSAGE(bodies.contains(got),
                  key << " is " << got.substr(0, 5) << ", wanted " << bodies.begin()->substr(0, 5));
  }
  CHECK(possible["k1"].contains(test.get(test.bilbao, "k1")));
}

TEST_CASE("a home that gave way and has not heard so reads nothing that was replaced") {
  CopyTest test;
  CHECK(test.put(test.bilbao, "a", "old") == 200);
  CopyTest::cut(test.bilbao, test.madrid);
  test.bilbao.control.away = true;
  Bucket& now = *test.control.find("frames");
  Bucket next = now;
  next.home = SiteId::of("mad1");
  next.followers.clear();
  next.copies = next.acks = 1;
  next.handed_over = ++next.epoch;
  test.control.change(now, next);
  REQUIRE(test.turn_until([&] { return test.madrid.leads(); }));
  CHECK(test.get(test.bilbao, "a") == "old");
  CHECK(test.put(test.madrid, "a", "new") == 200);
  CHECK(test.get(test.bilbao, "a").starts_with("503"));
}

TEST_CASE(
    "a home that was started again, without control, reads nothing while one that it brought in step may be home") {
  CopyTest test(1, {});
  CHECK(test.put(test.bilbao, "a", "old") == 200);
  const SiteId madrid = SiteId::of("mad1");
  Bucket& now = *test.control.find("frames");
  Bucket joining = now;
  joining.followers = {{madrid, CopyState::joining}};
  ++joining.epoch;
  test.control.is_wrong = true;
  test.control.change(now, joining);
  REQUIRE(test.turn_until([&] { return test.bilbao.store->epoch(joining.id) == joining.epoch; }));
  test.bilbao.control.away = true;
  Bucket handed_over = joining;
  handed_over.home = madrid;
  handed_over.followers.clear();
  handed_over.handed_over = ++handed_over.epoch;
  test.control.change(now, handed_over);
  test.bilbao.stop();
  test.bilbao.start();
  CopyTest::cut(test.bilbao, test.madrid);
  CHECK(test.get(test.bilbao, "a").starts_with("503"));
  CHECK(test.put(test.bilbao, "a", "of nobody") == 503);
}

TEST_CASE("a copy that is given up goes; its home goes on alone, also without control") {
  CopyTest test;
  CHECK(test.put(test.bilbao, "a", "old") == 200);
  const std::string id = test.bucket().id;
  test.set_copies(1);
  REQUIRE(test.turn_until([&] { return !test.madrid.store->has_bucket(id); }));
  CHECK(test.put(test.bilbao, "b", "alone") == 200);
  CHECK(test.get(test.madrid, "b") == "alone");  // passed on
  test.bilbao.stop();
  test.bilbao.control.away = true;
  test.bilbao.start();
  CHECK(test.get(test.bilbao, "b") == "alone");
  CHECK(test.put(test.bilbao, "a", "new") == 200);
  CHECK(test.get(test.bilbao, "a") == "new");
}

TEST_CASE("who keeps a copy no more and has not heard so reads nothing that was replaced") {
  CopyTest test;
  CHECK(test.put(test.bilbao, "a", "old") == 200);
  REQUIRE(test.turn_until([&] { return test.get(test.madrid, "a") == "old"; }));
  test.madrid.control.away = true;
  CopyTest::cut(test.madrid, test.bilbao);
  // On its own, as long as its lease lasts, which on a busy machine may be over by now.
  const std::string alone = test.get(test.madrid, "a");
  CHECK((alone == "old" || alone == "503 ServiceUnavailable"));
  test.set_copies(1);
  REQUIRE(test.turn_until([&] { return test.bilbao.service->directory().find("frames")->copies == 1; }));
  std::optional<Result<net::Response>> put;
  test.begin(test.bilbao, {"PUT", "/frames/a", "new"}, put);
  std::string last;
  while (!put) last = test.get(test.madrid, "a");
  CHECK((**put).status == 200);
  CHECK(test.get(test.madrid, "a") != "old");
}

}  // namespace barrio::objects::copies_change_test
