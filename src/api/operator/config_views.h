#pragma once
// What /barrio/v1/config answers and takes.

#include <optional>
#include <string>
#include <vector>

#include "base/json_schema.h"
#include "model/settings.h"

namespace barrio::api {

/// A change of configuration that has not come to all sites.
struct ConfigChangeView {
  std::string what;           // "network", "tenant/NAME", "app/TENANT/NAME"
  std::string stage;          // first, portions, failed
  std::vector<SiteId> sites;  // that have it, the first one first
  int64_t of = 0;             // sites
  std::string reason;         // why it failed
  std::string by;
  WallTime at;
};
BARRIO_DESCRIBE(ConfigChangeView, (), (what, stage, sites, of, reason, by, at))

/// A site that does not take the snapshot that it was given, and goes on with another.
struct ConfigRefusalView {
  SiteId site;
  int64_t version = 0;
  std::string why;
};
BARRIO_DESCRIBE(ConfigRefusalView, (), (site, version, why))

struct ConfigView {
  int64_t snapshot_version = 0;
  int64_t snapshot_bytes = 0;
  int64_t most_snapshot_bytes = 0;
  std::string fault;        // why the newest snapshot is not given out; empty: it is
  int64_t rolled_back = 0;  // since this member of control began
  std::vector<ConfigChangeView> changes;
  std::vector<ConfigRefusalView> refusals;
};
BARRIO_DESCRIBE(ConfigView, (),
                (snapshot_version, snapshot_bytes, most_snapshot_bytes, fault, rolled_back, changes, refusals))

struct ConfigChangeName {
  std::string what;
};
BARRIO_DESCRIBE(ConfigChangeName, (), (what))

}  // namespace barrio::api
