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
                    {"apps", to_json(view.apps)},
                    {"flows", std::move(flows)}};
}

Json live_schema(JsonSchemas& schemas) {
  static_cast<void>(schemas.of<Flow>());
  JsonObject flow = schemas.named().at("Flow").as_object();
  flow["properties"].as_object()["entered"] = schemas.of<SiteId>();
  flow["required"].as_array().emplace_back("entered");
  const JsonObject properties{{"time", schemas.of<WallTime>()},
                              {"snapshot_version", schemas.of<int64_t>()},
                              {"sites", schemas.of<std::vector<LiveSite>>()},
                              {"apps", schemas.of<std::vector<LiveApp>>()},
                              {"flows", JsonObject{{"type", "array"}, {"items", std::move(flow)}}}};
  return JsonObject{{"type", "object"},
                    {"properties", properties},
                    {"required", JsonArray{"time", "snapshot_version", "sites", "apps", "flows"}},
                    {"additionalProperties", false}};
}

}  // namespace barrio::api
