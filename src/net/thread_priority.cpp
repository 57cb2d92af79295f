#include "net/thread_priority.h"

#include <linux/sched.h>
#include <linux/sched/types.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

namespace barrio::net {

namespace {

constexpr uint64_t shortest_turn_ns = 100'000;  // the least that the kernel takes
constexpr uint64_t usual_turn = 0;
constexpr int background_nice = 10;

/// For the calling thread alone: on Linux, nice values and turns are a thread's own.
void set_turns(uint64_t nanoseconds, int nice) {
  sched_attr attributes{};
  attributes.size = sizeof(attributes);
  // A thread with a turn as short as its own cannot be cut short by one that carries requests: what is started from
  // here must not inherit it.
  attributes.sched_flags = SCHED_FLAG_RESET_ON_FORK;
  attributes.sched_nice = nice;
  attributes.sched_runtime = nanoseconds;
  ::syscall(SYS_sched_setattr, 0, &attributes, 0U);
}

}  // namespace

void carry_requests() {
  set_turns(shortest_turn_ns, ::getpriority(PRIO_PROCESS, 0));
}

void compute_in_background() {
  const int nice = std::max(background_nice, ::getpriority(PRIO_PROCESS, 0));
  ::setpriority(PRIO_PROCESS, 0, nice);
  set_turns(usual_turn, nice);
}

}  // namespace barrio::net
