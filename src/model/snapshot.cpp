#include "model/snapshot.h"

#include <set>

namespace barrio {

std::vector<std::string> files_of(const ReplicaOrder& order) {
  std::vector<std::string> files;
  for (const ModelSource& model : models_of(order.model, order.pipeline)) {
    if (!model.sha256.empty()) files.push_back(model.sha256);
  }
  if (order.server() != nullptr) files.push_back(order.server()->sha256);
  return files;
}

Result<void> Snapshot::check_at(const SiteId& site) const {
  auto network_holds = network.check();
  if (!network_holds) return fail(std::move(network_holds).error().within("network"));
  if (version < 1) return fail(Code::invalid, "must be at least 1", "version");
  if (network.find(site) == nullptr) {
    return fail(Code::invalid, "must name this site, '" + site.str() + "'", "network.sites");
  }
  std::set<SiteId> sites;
  for (const Site& one : network.sites) sites.insert(one.id);
  for (size_t i = 0; i < replicas.size(); ++i) {
    if (sites.contains(replicas[i].site)) continue;
    return fail(Code::invalid, "'" + replicas[i].site.str() + "' is not a site of the network",
                "replicas[" + std::to_string(i) + "].site");
  }
  std::set<AppKey> known;
  for (size_t i = 0; i < apps.size(); ++i) {
    if (known.insert(apps[i].key()).second) continue;
    return fail(Code::invalid, apps[i].key().str() + " stands twice", "apps[" + std::to_string(i) + "]");
  }
  return {};
}

const SpendStop* Snapshot::spend_stop(const TenantId& tenant, WallTime now) const {
  const auto found = spend_stops.find(tenant.str());
  return found != spend_stops.end() && found->second.holds(now) ? &found->second : nullptr;
}

BARRIO_JSON_HERE(Snapshot)
BARRIO_JSON_HERE(SiteReport)
BARRIO_JSON_HERE(SiteOrders)
BARRIO_JSON_HERE(EngineOrder)
BARRIO_JSON_HERE(EngineReplicas)

}  // namespace barrio
