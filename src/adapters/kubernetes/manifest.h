#pragma once
// From a replica's order to the objects that the cluster is asked for. Pure. What confines a container there is told in
// docs/containers.md; this is where it is decided. Only fields that we have an opinion on are set: server-side apply
// leaves the others to the cluster.

#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "model/snapshot.h"

namespace barrio::adapters::kubernetes {

namespace label {
inline constexpr const char* site = "barrio.site";  // ours, of this site
inline constexpr const char* tenant = "barrio.tenant";
inline constexpr const char* app = "barrio.app";
inline constexpr const char* replica = "barrio.replica";
inline constexpr const char* generation = "barrio.generation";
}  // namespace label

/// What holds for all workloads of a site.
struct ClusterPlan {
  std::string site;
  std::string namespace_prefix;                      // of the tenants' namespaces
  std::vector<std::string> gateway;                  // networks (CIDR) that may connect to the pods
  std::map<std::string, std::string> node_selector;  // labels of the nodes that stand at this site
};

/// Of a tenant: at most 63 characters.
std::string namespace_of(const ClusterPlan& plan, const TenantId& tenant);
/// Of a replica's generation, for all its objects: the same after a restart of the site's process. A DNS label (RFC
/// 1035) of at most 63 characters.
std::string object_name(const ReplicaId& id, int64_t generation);
/// "cpu" and so on as Kubernetes writes it: 500m.
std::string cpu_quantity(double cores);

/// Errors: unsupported (a container that this runtime cannot confine as it has to), naming the field.
Result<void> check_for_cluster(const ReplicaOrder& order);

Json namespace_manifest(const ClusterPlan& plan, const TenantId& tenant);
/// Nothing goes in or out, but from the gateway in.
Json network_policy(const ClusterPlan& plan, const TenantId& tenant);
/// One pod of this generation. `image`: with its digest, as the nodes pull it.
Json deployment(const ClusterPlan& plan, const ReplicaOrder& order, const std::string& image);
/// These go with their Deployment, whose uid this is.
Json service(const ClusterPlan& plan, const ReplicaOrder& order, const std::string& owner);
/// The values of its secrets. Never to be logged.
Json secret(const ClusterPlan& plan, const ReplicaOrder& order, const std::string& owner);

}  // namespace barrio::adapters::kubernetes
