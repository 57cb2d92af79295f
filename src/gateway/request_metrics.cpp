#include "gateway/request_metrics.h"

#include <algorithm>

namespace barrio::gateway {

RequestMetrics::RequestMetrics(Registry& registry)
    : forwards(registry.counter("barrio_gateway_forwards_total", "Requests sent to another site's gateway")),
      retries(registry.counter("barrio_gateway_retries_total", "Requests sent a second time, elsewhere")),
      late(registry.counter("barrio_gateway_late_total", "Answers later than their app's objective")),
      denied(registry.counter("barrio_gateway_denied_total", "Requests without a valid token or scope")),
      unmetered(registry.counter("barrio_gateway_unmetered_total", "Amounts used that found no line in the meter")),
      peers_up(registry.gauge("barrio_gateway_peers_up", "Other gateways that answer")),
      registry_(registry) {}

RequestMetrics::App& RequestMetrics::app(const AppKey& key) {
  if (const auto found = apps_.find(key); found != apps_.end()) return found->second;
  const bool full = apps_.size() >= most_apps;
  const std::string name = full ? "other" : key.str();
  App& app = apps_[full ? AppKey{} : key];
  if (app.took != nullptr) return app;
  for (size_t i = 1; i < app.by_class.size(); ++i) {
    app.by_class[i] = &registry_.counter("barrio_gateway_requests_total", "Answered requests by app and status class",
                                         {{"app", name}, {"class", std::to_string(i) + "xx"}});
  }
  app.took = &registry_.histogram("barrio_gateway_request_seconds", "First byte of a request to the end of its answer",
                                  {{"app", name}});
  return app;
}

void RequestMetrics::answered(const AppKey& key, int status, Duration took) {
  App& into = app(key);
  into.by_class[static_cast<size_t>(std::clamp(status / 100, 1, 5))]->add();
  into.took->observe(took);
}

void RequestMetrics::refused(RefusalReason reason) {
  Counter*& counter = refusals_[reason];
  if (counter == nullptr) {
    counter = &registry_.counter("barrio_gateway_refusals_total", "Requests refused by reason",
                                 {{"reason", to_name(reason)}});
  }
  counter->add();
}

}  // namespace barrio::gateway
