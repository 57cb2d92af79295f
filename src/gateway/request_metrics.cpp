#include "gateway/request_metrics.h"

#include <algorithm>

namespace barrio::gateway {

RequestMetrics::RequestMetrics(Registry& registry, SiteId site)
    : retries(registry.counter("barrio_gateway_retries_total", "Requests sent a second time, elsewhere",
                               {{"site", site.str()}})),
      denied(registry.counter("barrio_gateway_denied_total", "Requests without a valid token or scope",
                              {{"site", site.str()}})),
      ejections(registry.counter("barrio_gateway_ejections_total",
                                 "Times that a site or a replica was left out after failures", {{"site", site.str()}})),
      unmetered(registry.counter("barrio_gateway_unmetered_total", "Amounts used that found no line in the meter",
                                 {{"site", site.str()}})),
      peers_up(registry.gauge("barrio_gateway_peers_up", "Other gateways that answer", {{"site", site.str()}})),
      connections(registry.gauge("barrio_gateway_connections", "Open connections of devices and other gateways",
                                 {{"site", site.str()}})),
      open_requests(
          registry.gauge("barrio_gateway_open_requests", "Requests that are being served now", {{"site", site.str()}})),
      loop_turn(registry.histogram("barrio_gateway_loop_turn_seconds",
                                   "The longest turn of the gateway's loop in each second: what all else had to wait",
                                   {{"site", site.str()}})),
      registry_(registry),
      site_(std::move(site)) {}

void RequestMetrics::fill(App& app) const {
  for (size_t i = 1; i < app.by_class.size(); ++i) {
    Labels labels = app.labels;
    labels.emplace_back("class", std::to_string(i) + "xx");
    app.by_class[i] =
        &registry_.counter("barrio_gateway_requests_total", "Answered requests by app and status class", labels);
  }
  app.took = &registry_.histogram("barrio_gateway_request_seconds", "First byte of a request to the end of its answer",
                                  app.labels);
  app.late = &registry_.counter("barrio_gateway_late_total", "Answers later than their app's objective", app.labels);
  app.broken =
      &registry_.counter("barrio_gateway_broken_total", "Requests that ended without a whole answer", app.labels);
  app.device_left = &registry_.counter(
      "barrio_gateway_device_left_total",
      "Requests that whoever asked left before the whole answer; what served was told to stop", app.labels);
  app.bytes_in = &registry_.counter("barrio_gateway_request_bytes_total", "Bytes of request bodies", app.labels);
  app.bytes_out = &registry_.counter("barrio_gateway_answer_bytes_total", "Bytes of answers' bodies", app.labels);
}

RequestMetrics::App& RequestMetrics::app(const AppKey& key) {
  if (last_ != nullptr && last_->first == key) return last_->second;
  if (const auto found = apps_.find(key); found != apps_.end()) {
    last_ = &*found;
    return found->second;
  }
  const bool known = !key.tenant.empty() && apps_.size() < most_apps;
  App& app = apps_[known ? key : AppKey{}];
  if (app.took != nullptr) return app;
  app.labels = {
      {"site", site_.str()}, {"tenant", known ? key.tenant.str() : "other"}, {"app", known ? key.name.str() : "other"}};
  fill(app);
  return app;
}

void RequestMetrics::answered(const AppKey& key, const RequestFigures& figures) {
  App& into = app(key);
  into.by_class[static_cast<size_t>(std::clamp(figures.status / 100, 1, 5))]->add();
  into.took->observe(figures.took);
  if (figures.late) into.late->add();
  if (figures.bytes_in > 0) into.bytes_in->add(figures.bytes_in);
  if (figures.bytes_out > 0) into.bytes_out->add(figures.bytes_out);
}

void RequestMetrics::refused(const AppKey& key, RefusalReason reason) {
  App& into = app(reason == RefusalReason::unknown_app ? AppKey{} : key);
  Counter*& counter = into.refusals[reason];
  if (counter == nullptr) {
    Labels labels = into.labels;
    labels.emplace_back("reason", to_name(reason));
    counter = &registry_.counter("barrio_gateway_refusals_total", "Requests refused by app and reason", labels);
  }
  counter->add();
}

void RequestMetrics::broken(const AppKey& key, Left who) {
  App& into = app(key);
  into.broken->add();
  if (who == Left::device) into.device_left->add();
}

void RequestMetrics::forwarded_to(const SiteId& site) {
  Counter*& counter = forwards_[site];
  if (counter == nullptr) {
    counter = &registry_.counter("barrio_gateway_forwards_total", "Requests sent to another site's gateway",
                                 {{"site", site_.str()}, {"to", site.str()}});
  }
  counter->add();
}

void RequestMetrics::counted(const UsageRecord& record) {
  const auto known =
      std::find_if(told_.begin(), told_.end(), [&](const Told& one) { return one.meter == record.meter; });
  const int64_t before = known == told_.end() ? 0 : known->period;
  if (known != told_.end()) told_.erase(known);
  told_.push_back({record.meter, std::max(before, record.period)});
  // Engines come and go: the one that has been silent for longest is gone.
  if (told_.size() > most_meters) told_.erase(told_.begin());
  if (record.period <= before) return;
  for (const UsageLine& line : record.lines) {
    if (line.app.name) add_tokens({line.app.tenant, *line.app.name}, line.usage.served);
  }
}

void RequestMetrics::add_tokens(const AppKey& key, const ServedUsage& served) {
  if (served.tokens_in == 0 && served.tokens_out == 0) return;
  App& into = app(key);
  const auto counter = [&](const char* direction) {
    Labels labels = into.labels;
    labels.emplace_back("direction", direction);
    return &registry_.counter("barrio_gateway_tokens_total",
                              "Tokens of prompts and embedded texts (in) and of answers (out), of replicas here",
                              labels);
  };
  if (into.tokens_in == nullptr) {
    into.tokens_in = counter("in");
    into.tokens_out = counter("out");
  }
  into.tokens_in->add(static_cast<uint64_t>(served.tokens_in));
  into.tokens_out->add(static_cast<uint64_t>(served.tokens_out));
}

}  // namespace barrio::gateway
