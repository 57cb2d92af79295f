#pragma once
// How much of a cluster's accelerators can be given out when slices and whole devices arrive (docs/placement.md).

#include "base/json.h"

namespace barrio::bench {

void run_packing(JsonArray& results);

}  // namespace barrio::bench
