#include "decide/tracking/tracker.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <set>

namespace barrio::decide::tracker_test {

namespace {

const Time start = Time() + 1h;

Detected at_place(float x, float y, float score = 1) {
  return {{x, y, 40, 80}, score};
}

rc::Gen<Detected> any_detection() {
  return rc::gen::apply(
      [](int x, int y, int w, int h, int score) {
        return Detected{{static_cast<float>(x), static_cast<float>(y), static_cast<float>(w), static_cast<float>(h)},
                        static_cast<float>(score)};
      },
      rc::gen::inRange(0, 640), rc::gen::inRange(0, 480), rc::gen::inRange(0, 100), rc::gen::inRange(0, 100),
      rc::gen::inRange(0, 10));
}

}  // namespace

TEST_CASE("overlap of boxes") {
  CHECK(overlap({0, 0, 10, 10}, {0, 0, 10, 10}) == doctest::Approx(1));
  CHECK(overlap({0, 0, 10, 10}, {5, 0, 10, 10}) == doctest::Approx(1.0 / 3));
  CHECK(overlap({0, 0, 10, 10}, {10, 0, 10, 10}) == 0);
  CHECK(overlap({0, 0, 0, 0}, {0, 0, 0, 0}) == 0);
}

TEST_CASE("two walkers who cross keep their names, and are where they should be between the frames") {
  Tracker tracker;
  // 100 pixels a second towards each other, on ways that are 50 pixels apart; five frames a second.
  for (int frame = 0; frame < 20; ++frame) {
    const float gone = 20.0f * static_cast<float>(frame);
    tracker.update(std::vector{at_place(100 + gone, 100), at_place(500 - gone, 150)}, start + frame * 200ms);
    const auto now = tracker.at(start + frame * 200ms);
    REQUIRE(now.size() == 2);
    CHECK(now[0].id == 1);
    CHECK(now[0].box.y == 100);
    CHECK(now[0].detected);
    CHECK(now[1].id == 2);
    if (frame < 1) continue;
    const auto between = tracker.at(start + frame * 200ms + 100ms);
    CHECK(between[0].box.x == doctest::Approx(100 + gone + 10).epsilon(0.001));
    CHECK(between[1].box.x == doctest::Approx(500 - gone - 10).epsilon(0.001));
    CHECK_FALSE(between[0].detected);
  }
}

TEST_CASE("who is hidden for a moment is the same afterwards; who is gone is forgotten and the name not used again") {
  Tracker tracker({.unseen = 1s});
  for (int frame = 0; frame < 3; ++frame) {
    tracker.update(std::vector{at_place(20.0f * static_cast<float>(frame), 0)}, start + frame * 200ms);
  }
  tracker.update({}, start + 600ms);
  CHECK(tracker.at(start + 600ms).size() == 1);
  tracker.update(std::vector{at_place(80, 0)}, start + 800ms);
  CHECK(tracker.at(start + 800ms).front().id == 1);
  CHECK(tracker.at(start + 1800ms).size() == 1);
  CHECK(tracker.at(start + 1801ms).empty());
  tracker.update(std::vector{at_place(80, 0)}, start + 2s);
  REQUIRE(tracker.at(start + 2s).size() == 1);
  CHECK(tracker.at(start + 2s).front().id == 2);
}

TEST_CASE("over the limit the strongest detections are kept, and an old frame changes nothing") {
  Tracker tracker({.boxes = 2});
  tracker.update(std::vector{at_place(0, 0, 1), at_place(100, 0, 3), at_place(200, 0, 2)}, start);
  auto boxes = tracker.at(start);
  REQUIRE(boxes.size() == 2);
  CHECK(boxes[0].score == 3);
  CHECK(boxes[1].score == 2);
  tracker.update({}, start - 1ms);
  CHECK(tracker.at(start).size() == 2);
}

TEST_CASE("walkers with jitter and misses keep their names") {
  REQUIRE(rc::check("stable ids", [] {
    Tracker tracker;
    const int walkers = *rc::gen::inRange(1, 6);
    for (int frame = 0; frame < 30; ++frame) {
      std::vector<Detected> found;
      for (int w = 0; w < walkers; ++w) {
        // Lanes 100 pixels apart; 60 pixels a second and more; each missed now and then, never in the first two frames.
        const bool missed = frame > 1 && *rc::gen::inRange(0, 5) == 0;
        const auto jitter = static_cast<float>(*rc::gen::inRange(-2, 3));
        const float x = (12.0f + static_cast<float>(w)) * static_cast<float>(frame) + jitter;
        if (!missed || frame % 3 == 0) found.push_back(at_place(x, 100.0f * static_cast<float>(w)));
      }
      tracker.update(found, start + frame * 200ms);
    }
    const auto boxes = tracker.at(start + 29 * 200ms);
    RC_ASSERT(boxes.size() == static_cast<size_t>(walkers));
    for (size_t i = 0; i < boxes.size(); ++i) RC_ASSERT(boxes[i].id == i + 1);
  }));
}

TEST_CASE("whatever is found: names are unique and grow, lives and numbers are bounded") {
  REQUIRE(rc::check("bounds", [] {
    Tracker tracker({.unseen = 500ms, .boxes = 8});
    uint64_t highest = 0;
    Time now = start;
    for (int frame = 0; frame < 15; ++frame) {
      now += Duration(*rc::gen::inRange<int64_t>(1, 300'000'000));
      const auto found = *rc::gen::resize(12, rc::gen::container<std::vector<Detected>>(any_detection()));
      tracker.update(found, now);
      const auto boxes = tracker.at(now);
      RC_ASSERT(boxes.size() <= 8u);
      std::set<uint64_t> ids;
      size_t fresh = 0;
      for (const auto& box : boxes) {
        RC_ASSERT(ids.insert(box.id).second);
        fresh += box.detected ? 1 : 0;
        highest = std::max(highest, box.id);
      }
      RC_ASSERT(fresh <= found.size());
    }
    RC_ASSERT(tracker.at(now + 501ms).empty());
    tracker.update(std::vector{at_place(0, 0)}, now + 1s);
    RC_ASSERT(tracker.at(now + 1s).front().id > highest);
  }));
}

}  // namespace barrio::decide::tracker_test
