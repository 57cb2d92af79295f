#include "model/snapshot.h"

namespace barrio {

BARRIO_JSON_HERE(Snapshot)
BARRIO_JSON_HERE(SiteReport)
BARRIO_JSON_HERE(SiteOrders)
BARRIO_JSON_HERE(EngineOrder)
BARRIO_JSON_HERE(EngineReplicas)

}  // namespace barrio
