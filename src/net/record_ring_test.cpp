#include "net/record_ring.h"

#include <doctest/doctest.h>

#include <optional>
#include <thread>

#include "net/side_loop.h"

namespace barrio::net::record_ring_test {
namespace {

struct Pair {
  uint64_t number = 0;
  uint64_t twice = 0;
};

TEST_CASE("a full ring refuses, and gives back in order") {
  RecordRing<Pair> ring(4);
  CHECK(ring.peek() == nullptr);
  for (uint64_t i = 0; i < 4; ++i) CHECK(ring.push({i, 2 * i}));
  CHECK_FALSE(ring.push({4, 8}));
  for (uint64_t i = 0; i < 4; ++i) {
    REQUIRE(ring.peek() != nullptr);
    CHECK(ring.peek()->number == i);
    ring.drop();
  }
  CHECK(ring.peek() == nullptr);
  CHECK(ring.push({5, 10}));
}

TEST_CASE("what one thread writes another reads whole and in order") {
  RecordRing<Pair> ring(64);
  constexpr uint64_t count = 100'000;
  std::thread writer([&] {
    for (uint64_t i = 0; i < count; ++i) {
      while (!ring.push({i, 2 * i})) std::this_thread::yield();
    }
  });
  uint64_t wrong = 0;
  for (uint64_t i = 0; i < count; ++i) {
    const Pair* pair = nullptr;
    while ((pair = ring.peek()) == nullptr) std::this_thread::yield();
    wrong += pair->number != i || pair->twice != 2 * i;
    ring.drop();
  }
  writer.join();
  CHECK(wrong == 0);
}

TEST_CASE("a side loop runs what is posted on its own thread until it is stopped") {
  SideLoop side;
  std::atomic<bool> ran = false;
  std::thread::id where;
  side.start();
  side.reactor().post([&] {
    where = std::this_thread::get_id();
    ran = true;
  });
  while (!ran) std::this_thread::yield();
  side.stop();
  CHECK(where != std::this_thread::get_id());
}

TEST_CASE("the calendar is found from the monotonic clock") {
  Reactor reactor;
  const Duration there = reactor.fresh_now().time_since_epoch() + calendar_offset();
  const auto system = std::chrono::system_clock::now().time_since_epoch();
  CHECK(std::chrono::abs(there - system) < 1s);
}

}  // namespace
}  // namespace barrio::net::record_ring_test
