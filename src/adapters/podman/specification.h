#pragma once
// From a replica's order to what podman is asked to create. Pure. What confines a container, and what does not, is
// told in docs/containers.md; this is where it is decided.

#include "adapters/podman/podman_api.h"
#include "model/snapshot.h"

namespace barrio::adapters {

namespace label {
inline constexpr const char* site = "barrio.site";  // ours, of this site
inline constexpr const char* replica = "barrio.replica";
inline constexpr const char* app = "barrio.app";
inline constexpr const char* generation = "barrio.generation";
inline constexpr const char* made_from = "barrio.made-from";  // a hash: a container made from anything else is not it
}  // namespace label

/// Of a replica's generation; the same after a restart of the site's process.
std::string container_name(const ReplicaId& id, int64_t generation);

struct Specification {
  Json json;
  std::string made_from;
  std::vector<std::string> unlimited;  // what this machine cannot limit by cgroups; where it can, rlimits stand in
};

/// `image`: its id in podman's store, which has been checked. The order is of a container.
Specification specification(const ReplicaOrder& order, const std::string& site, const std::string& image,
                            const PodmanHost& host);

}  // namespace barrio::adapters
