#pragma once
// What of a snapshot is configuration: figures that all sites decide by, which somebody chose and may have chosen
// wrongly. A change of it goes to one site first (decide/rollout/stages.h). What else a snapshot has is so (replicas,
// addresses, a site's status and power), or may not wait (keys, policies, access).

#include <optional>
#include <string>
#include <vector>

#include "model/snapshot.h"

namespace barrio {

struct NetworkSettings {
  std::vector<Operator> operators;
  PathModel paths;
};
BARRIO_DESCRIBE(NetworkSettings, (), (operators, paths))

/// Nothing that AppSpec::check() holds against what is not staged: beside the new figures of those, the former ones of
/// these must still be an app that a site can read.
struct AppSettings {
  Objective objective;
  std::optional<AppLimits> limits;
};
BARRIO_DESCRIBE(AppSettings, (), (objective, limits))

/// Of one thing: exactly one of these is there.
struct Settings {
  std::optional<NetworkSettings> network = {};
  std::optional<TenantQuota> quota = {};
  std::optional<AppSettings> app = {};
};
BARRIO_DESCRIBE(Settings, (), (network, quota, app))
BARRIO_JSON_APART(Settings)

bool same_settings(const Settings& a, const Settings& b);

NetworkSettings settings_of(const Network& network);
AppSettings settings_of(const AppSpec& spec);

/// `what`: "network", "tenant/NAME" or "app/TENANT/NAME"; one that the snapshot does not have is left out.
void put_settings(Snapshot& snapshot, const std::string& what, const Settings& settings);
/// Whose it is; empty: the operator's own.
TenantId tenant_of_settings(const std::string& what);

}  // namespace barrio
