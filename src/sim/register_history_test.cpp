// What one object can answer, and what it cannot.
#include "sim/register_history.h"

#include <doctest/doctest.h>

#include "base/rng.h"

namespace barrio::sim::register_history_test {

namespace {

constexpr Time at(int second) {
  return Time(std::chrono::seconds(second));
}

struct Object {
  void write(int from, int to, uint64_t value) { history.written(history.begin_write(at(from), value), at(to)); }
  void read(int from, int to, uint64_t value) { history.read(history.begin_read(at(from)), at(to), value); }
  /// Nobody heard what became of it.
  void open_write(int from, uint64_t value) { history.begin_write(at(from), value); }
  bool is_possible() const { return history.is_possible(); }
  RegisterHistory history;
};

}  // namespace

TEST_CASE("an object begins as nothing, and is what was written last") {
  Object object;
  object.read(0, 1, 0);
  object.write(2, 3, 7);
  object.read(4, 5, 7);
  object.write(6, 7, 0);
  object.read(8, 9, 0);
  CHECK(object.is_possible());
  object.read(10, 11, 7);
  CHECK(!object.is_possible());
}

TEST_CASE("an acknowledged write that a later read does not see is lost") {
  Object object;
  object.write(0, 1, 1);
  object.read(2, 3, 0);
  CHECK(!object.is_possible());
}

TEST_CASE(
    "while a write is under way sites may show the old and the new in turns, and once it is acknowledged the new "
    "alone") {
  Object object;
  object.write(0, 1, 1);
  object.write(2, 9, 2);
  object.read(3, 4, 2);
  object.read(5, 6, 1);
  object.read(10, 11, 2);
  CHECK(object.is_possible());
  object.read(12, 13, 1);
  CHECK(!object.is_possible());
}

TEST_CASE("of two writes at a time one is the last, at every site") {
  Object object;
  object.write(0, 5, 1);
  object.write(1, 6, 2);
  object.read(7, 8, 1);
  CHECK(object.is_possible());
  object.read(9, 10, 2);
  CHECK(!object.is_possible());
}

TEST_CASE("a write without an answer may be done late, or never, but not before it began, nor a minute later") {
  Object object;
  object.open_write(0, 1);
  object.read(1, 2, 0);
  CHECK(object.is_possible());
  object.write(3, 4, 2);
  object.read(20, 21, 1);
  CHECK(object.is_possible());
  object.write(70, 71, 3);
  object.read(72, 73, 3);
  CHECK(object.is_possible());
  object.read(74, 75, 1);
  CHECK(!object.is_possible());
  Object early;
  early.read(0, 1, 1);
  early.open_write(2, 1);
  CHECK(!early.is_possible());
}

TEST_CASE("what was refused was not done, and a read without an answer says nothing") {
  Object object;
  object.history.refused(object.history.begin_write(at(0), 1));
  object.history.refused(object.history.begin_read(at(0)));
  object.read(1, 2, 0);
  CHECK(object.is_possible());
  object.read(3, 4, 1);
  CHECK(!object.is_possible());
}

TEST_CASE("every history that one object really gave is possible, and one with a read of before is not") {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    Rng rng(seed);
    RegisterHistory history;
    uint64_t value = 0;
    int now = 0;
    // Two at a time: the second is done while the first is open, which is done before or after it.
    for (uint64_t number = 1; number <= 40; ++number) {
      const size_t slow = history.begin_write(at(now), 1000 + number);
      const bool is_first = rng.below(2) == 0;
      const size_t quick = history.begin_write(at(now + 1), number);
      value = is_first ? number : 1000 + number;
      history.written(quick, at(now + 2));
      if (rng.below(3) != 0) history.written(slow, at(now + 3));
      const size_t read = history.begin_read(at(now + 4));
      history.read(read, at(now + 5), value);
      now += 6;
    }
    CHECK(history.is_possible());
    const int later = now + 100;
    history.written(history.begin_write(at(later), 5000), at(later + 1));
    history.read(history.begin_read(at(later + 2)), at(later + 3), 5000);
    CHECK(history.is_possible());
    history.read(history.begin_read(at(later + 4)), at(later + 5), value);
    CHECK(!history.is_possible());
  }
}

}  // namespace barrio::sim::register_history_test
