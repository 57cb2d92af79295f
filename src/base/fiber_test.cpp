#include <doctest/doctest.h>

#include "base/fiber.h"

namespace barrio::fiber_test {

TEST_CASE("fibers run in the order in which they became ready") {
  FiberScheduler scheduler;
  std::string trace;
  Fiber* first = scheduler.spawn("first", [&] {
    trace += "a";
    scheduler.park();
    trace += "c";
  });
  scheduler.spawn("second", [&] {
    trace += "b";
    scheduler.ready(first);
  });
  while (scheduler.run_one()) {
  }
  CHECK(trace == "abc");
  CHECK(scheduler.alive() == 0);
}

TEST_CASE("a fiber keeps its local variables over many switches") {
  FiberScheduler scheduler;
  long total = 0;
  std::vector<Fiber*> fibers;
  for (int i = 0; i < 50; ++i) {
    fibers.push_back(scheduler.spawn("adder", [&scheduler, &total, i] {
      volatile char big[16 * 1024];
      big[100] = static_cast<char>(i);
      for (int n = 0; n < 20; ++n) scheduler.park();
      total += big[100];
    }));
  }
  while (scheduler.alive() > 0) {
    scheduler.run_ready();
    for (Fiber* fiber : fibers) {
      if (scheduler.is_alive(fiber)) scheduler.ready(fiber);
    }
  }
  CHECK(total == 49 * 50 / 2);
}

TEST_CASE("destroying a parked fiber runs its destructors and nothing after its park") {
  struct Note {
    std::string& trace;
    ~Note() { trace += "released"; }
  };
  std::string trace;
  FiberScheduler scheduler;
  Fiber* fiber = scheduler.spawn("held", [&] {
    Note note{trace};
    scheduler.park();
    trace += "went on";
  });
  scheduler.run_ready();
  scheduler.destroy(fiber);
  CHECK(trace == "released");
  CHECK(scheduler.alive() == 0);
}

TEST_CASE("a fiber that never ran is destroyed without running") {
  bool ran = false;
  {
    FiberScheduler scheduler;
    scheduler.spawn("late", [&] { ran = true; });
  }
  CHECK_FALSE(ran);
}

TEST_CASE("a fiber outlives the one that spawned it") {
  FiberScheduler scheduler;
  int ended = 0;
  for (int i = 0; i < 100; ++i) {
    scheduler.spawn("parent", [&] { scheduler.spawn("child", [&] { ++ended; }); });
  }
  while (scheduler.has_ready()) scheduler.run_ready();
  CHECK(ended == 100);
}

TEST_CASE("a stack is used again after its fiber ended") {
  FiberScheduler scheduler;
  const char* places[2] = {};
  for (const char*& place : places) {
    scheduler.spawn("one", [&] {
      char here = 0;
      place = &here;
    });
    scheduler.run_ready();
  }
  CHECK(places[0] == places[1]);
}

}  // namespace barrio::fiber_test
