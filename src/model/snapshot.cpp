#include "model/snapshot.h"

namespace barrio {

std::vector<std::string> files_of(const ReplicaOrder& order) {
  std::vector<std::string> files;
  for (const ModelSource& model : models_of(order.model, order.pipeline)) {
    if (!model.sha256.empty()) files.push_back(model.sha256);
  }
  if (order.server() != nullptr) files.push_back(order.server()->sha256);
  return files;
}

BARRIO_JSON_HERE(Snapshot)
BARRIO_JSON_HERE(SiteReport)
BARRIO_JSON_HERE(SiteOrders)
BARRIO_JSON_HERE(EngineOrder)
BARRIO_JSON_HERE(EngineReplicas)

}  // namespace barrio
