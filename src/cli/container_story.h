#pragma once
// A scene of the story: a container at two sites, rolled forward and back.

#include "cli/podman_service.h"
#include "cli/story.h"
#include "cli/world.h"

namespace barrio::cli {

void play_containers(World& world, const PodmanService& podman, Verdicts& verdicts);

}  // namespace barrio::cli
