#include "net/thread_priority.h"

#include <linux/sched/types.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace barrio::net {

namespace {

constexpr uint64_t shortest_turn_ns = 100'000;  // the least that the kernel takes
constexpr int background_nice = 10;

}  // namespace

void carry_requests() {
  sched_attr attributes{};
  attributes.size = sizeof(attributes);
  attributes.sched_nice = ::getpriority(PRIO_PROCESS, 0);
  attributes.sched_runtime = shortest_turn_ns;
  ::syscall(SYS_sched_setattr, 0, &attributes, 0U);
}

void compute_in_background() {
  // On Linux the nice value is a thread's own, and 0 names the calling thread.
  ::setpriority(PRIO_PROCESS, 0, background_nice);
}

}  // namespace barrio::net
