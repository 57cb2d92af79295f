#pragma once
// The story's part about proof: what the sites' logs say of one tenant, verified offline.

#include "cli/story.h"
#include "cli/world.h"

namespace barrio::cli {

/// Of the tenant whose app may only be in the Basque Country.
void play_proof(World& world, Verdicts& verdicts);

}  // namespace barrio::cli
