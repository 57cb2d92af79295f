#include "api/operator/views.h"

namespace barrio::api {

Json live_json(const LiveView& view) {
  JsonArray flows;
  for (const LiveFlow& live : view.flows) {
    JsonObject flow = to_json(live.flow).as_object();
    flow["entered"] = to_json(live.entered);
    flows.push_back(std::move(flow));
  }
  return JsonObject{{"time", to_json(view.time)},
                    {"snapshot_version", view.snapshot_version},
                    {"sites", to_json(view.sites)},
                    {"flows", std::move(flows)}};
}

}  // namespace barrio::api
