#pragma once
// The story's part about storage: what a policy keeps in one place stays there.

#include "cli/story.h"
#include "cli/world.h"

namespace barrio::cli {

inline constexpr const char* story_area = "ES-PV";

/// The first tenant of the demo whose app may be nowhere but in `story_area`; empty: none.
std::string tenant_of_area(const WorldPlan& plan);

/// Frames of that tenant, with what was found in them, are stored in Bilbao.
void play_storage(World& world, Verdicts& verdicts);

}  // namespace barrio::cli
