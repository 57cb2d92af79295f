#include "engine/front_metrics.h"

#include "engine/engine_metrics.h"

namespace barrio::engine {

FrontMetrics::OfModel& FrontMetrics::of(const std::string& model) {
  const bool has_room = models_.size() < EngineMetrics::most_models || models_.contains(model);
  const std::string name = has_room ? model : "other";
  auto& metrics = models_[name];
  if (metrics != nullptr) return *metrics;
  const auto stage = [&](Stage which) -> Histogram& {
    return registry_.histogram("barrio_engine_stage_seconds", "Time of requests by part.",
                               {{"model", name}, {"stage", to_name(which)}});
  };
  metrics = std::make_unique<OfModel>(
      OfModel{registry_.counter("barrio_engine_requests_total", "Inference requests by outcome.",
                                {{"model", name}, {"outcome", "rejected"}}),
              stage(Stage::front), stage(Stage::decode), stage(Stage::reply)});
  return *metrics;
}

}  // namespace barrio::engine
