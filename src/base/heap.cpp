#include "base/heap.h"

#include <malloc.h>

namespace barrio {

void keep_freed_memory() {
  constexpr int largest_threshold = 32 << 20;  // the most that glibc takes
  mallopt(M_MMAP_THRESHOLD, largest_threshold);
  mallopt(M_TRIM_THRESHOLD, 2 * largest_threshold);
}

}  // namespace barrio
