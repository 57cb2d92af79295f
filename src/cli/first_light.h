#pragma once
// The story of First light: what happens to the running network on its own, and what is expected of it.

#include "cli/story.h"
#include "cli/world.h"

namespace barrio::cli {

/// Plays all scenes; ends early when it is time to end (that counts as not held).
Verdicts play_first_light(World& world);

}  // namespace barrio::cli
