#pragma once
// Apps that were deleted: how far their generations came. One that is deployed under the name of an earlier one goes on
// behind that: a site that was cut off meanwhile tells by the generation alone that what it runs is not what is wanted.

#include "model/app.h"
#include "ports/state_store.h"

namespace barrio::control {

/// After that, a site that still runs it would take an app of the same name for it.
inline constexpr auto past_app_kept_for = std::chrono::days(400);

/// Of each tenant. Who deletes more is who meets the above sooner, with apps of its own alone.
inline constexpr size_t most_past_apps = 1000;

struct PastApp {
  AppKey app;
  int64_t generation = 0;  // its last one
  WallTime at;             // that it was deleted
};
BARRIO_DESCRIBE(PastApp, (), (app, generation, at))

/// What has to be as it is when an app of this name is deployed, and its first generation.
struct FirstGeneration {
  ports::Guard guard;
  int64_t generation = 1;
};
/// Errors: unavailable.
Result<FirstGeneration> first_generation(ports::StateStore& store, const AppKey& app);
ports::Write write_past_app(const App& app, WallTime deleted_at);
/// Removes the oldest of its tenant's that would be over most_past_apps with this one. Errors: unavailable.
Result<std::vector<ports::Write>> make_room_for_past_app(ports::StateStore& store, const AppKey& app);
/// Removes some that are older than they are kept for; how many.
Result<size_t> forget_past_apps(ports::StateStore& store, WallTime now);

}  // namespace barrio::control
