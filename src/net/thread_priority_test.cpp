#include "net/thread_priority.h"

#include <doctest/doctest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <thread>

namespace barrio::thread_priority_test {

namespace {

/// The first version of the kernel's struct sched_attr, whose header cannot stand beside <thread>.
struct Attributes {
  uint32_t size;
  uint32_t sched_policy;
  uint64_t sched_flags;
  int32_t sched_nice;
  uint32_t sched_priority;
  uint64_t sched_runtime;
  uint64_t sched_deadline;
  uint64_t sched_period;
};

Attributes of_this_thread() {
  Attributes attributes{};
  ::syscall(SYS_sched_getattr, 0, &attributes, sizeof(attributes), 0U);
  return attributes;
}

template <class Action>
void on_a_thread(Action action) {
  std::thread(action).join();
}

}  // namespace

TEST_CASE("a thread that carries requests has short turns, and what it starts has not") {
  on_a_thread([] {
    const auto before = of_this_thread().sched_runtime;
    net::carry_requests();
    const auto own = of_this_thread().sched_runtime;
    if (own == before) {
      MESSAGE("SKIPPED: this kernel knows no turns (before Linux 6.12)");
      return;
    }
    CHECK(own < before);
    on_a_thread([before] { CHECK(of_this_thread().sched_runtime == before); });
  });
}

TEST_CASE("a thread that computes yields, with the usual turns, wherever it was started") {
  on_a_thread([] {
    const auto usual = of_this_thread();
    net::carry_requests();
    on_a_thread([usual] {
      net::compute_in_background();
      const auto own = of_this_thread();
      CHECK(own.sched_nice >= 10);
      CHECK(own.sched_runtime == usual.sched_runtime);
      // Its own threads, such as a library's, too.
      on_a_thread([] { CHECK(of_this_thread().sched_nice >= 10); });
    });
  });
}

}  // namespace barrio::thread_priority_test
