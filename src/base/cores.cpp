#include "base/cores.h"

#include <sched.h>

#include <algorithm>

namespace barrio {

size_t usable_cores() {
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof(cores), &cores) != 0) return 1;
  return std::clamp<size_t>(static_cast<size_t>(CPU_COUNT(&cores)), 1, 256);
}

}  // namespace barrio
