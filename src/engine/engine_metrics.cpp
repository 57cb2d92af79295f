#include "engine/engine_metrics.h"

#include <algorithm>
#include <bit>

namespace barrio::engine {

namespace {

constexpr std::string_view other_label = "other";
constexpr Duration fairness_period = 1s;
constexpr double fairness_kept = 0.9;  // a second: a window of about ten

Counter& outcome(Registry& registry, const std::string& model, const std::string& name) {
  return registry.counter("barrio_engine_requests_total", "Inference requests by outcome.",
                          {{"model", model}, {"outcome", name}});
}

}  // namespace

ModelMetrics::ModelMetrics(Registry& registry, std::string model)
    : answered(outcome(registry, model, "answered")),
      rejected(outcome(registry, model, "rejected")),
      late(outcome(registry, model, "late")),
      overloaded(outcome(registry, model, "overloaded")),
      failed(outcome(registry, model, "failed")),
      waiting(registry.gauge("barrio_engine_waiting", "Requests in the queue.", {{"model", model}})),
      ready(registry.gauge("barrio_engine_ready", "Versions of the model that answer requests.", {{"model", model}})),
      profile_error(registry.gauge("barrio_engine_profile_error",
                                   "Mean of |took - predicted| / predicted over the last runs.", {{"model", model}})),
      limit(
          registry.gauge("barrio_engine_limit_per_second",
                         "Answers per second that the model could have at best, its device to itself, within the time "
                         "that its requests have.",
                         {{"model", model}})),
      queue(registry.histogram("barrio_engine_queue_seconds", "Time in the queue.", {{"model", model}})),
      compute(registry.histogram("barrio_engine_compute_seconds", "Time on a worker.", {{"model", model}})),
      registry_(registry),
      model_(std::move(model)) {
  for (size_t i = 0; i < stages_.size(); ++i) {
    stages_[i] = &registry.histogram("barrio_engine_stage_seconds", "Time of requests by part.",
                                     {{"model", model_}, {"stage", to_name(static_cast<Stage>(i))}});
  }
  for (size_t i = 0; i < batches_.size(); ++i) {
    batches_[i] =
        &registry.counter("barrio_engine_batches_total", "Runs by the number of requests, rounded down to 2^n.",
                          {{"model", model_}, {"size", std::to_string(1u << i)}});
  }
}

void ModelMetrics::batch(size_t size) const {
  const auto power = static_cast<size_t>(std::bit_width(std::max<size_t>(size, 1))) - 1;
  batches_[std::min(power, batch_sizes - 1)]->add();
}

ShareMetrics& ModelMetrics::of(UrgencyClass urgency, uint32_t tenant, const std::string& tenant_name) {
  auto& share = shares_[{urgency, tenant}];
  if (share != nullptr) return *share;
  const Labels labels = {{"model", model_}, {"class", to_name(urgency)}, {"tenant", tenant_name}};
  share = std::make_unique<ShareMetrics>(ShareMetrics{
      registry_.counter("barrio_engine_offered_total", "Requests that arrived.", labels),
      registry_.counter("barrio_engine_admitted_total", "Requests that were taken.", labels),
      registry_.counter("barrio_engine_on_time_total", "Requests answered within their deadline: goodput.", labels),
      registry_.counter("barrio_engine_late_total", "Requests answered after their deadline.", labels),
      {}});
  for (size_t i = 0; i < share->refused.size(); ++i) {
    Labels with_reason = labels;
    with_reason.emplace_back("reason", to_name(static_cast<NotServed>(i)));
    share->refused[i] =
        &registry_.counter("barrio_engine_refused_total", "Requests that were not answered, by reason.", with_reason);
  }
  return *share;
}

EngineMetrics::EngineMetrics(Registry& registry, size_t most_tenants)
    : registry_(registry),
      most_tenants_(std::max<size_t>(most_tenants, 1)),
      fairness_(registry.gauge("barrio_engine_fairness",
                               "Jain's index of the tenants' shares answered on time, over about ten seconds.")) {
  fairness_.set(1);
}

std::string_view scope_of(std::string_view model) {
  const size_t slash = model.find('/');
  return slash == std::string_view::npos ? std::string_view() : model.substr(0, slash);
}

std::string shown_name(std::string_view model) {
  const size_t slash = model.find('/');
  return std::string(slash == std::string_view::npos ? model : model.substr(slash + 1));
}

bool EngineMetrics::may_have(std::string_view model) const {
  const std::string name = shown_name(model);
  return name.find('/') == std::string::npos && (name == model || scopes_.contains(scope_of(model)));
}

void EngineMetrics::close_scope(const std::string& scope) {
  std::erase_if(models_, [&](const auto& one) { return scope_of(one.first) == scope; });
  scopes_.erase(scope);
}

ModelMetrics& EngineMetrics::model(std::string_view name) {
  if (models_.size() >= most_models && !models_.contains(name)) name = other_label;
  auto found = models_.find(name);
  if (found == models_.end()) {
    const auto scope = scopes_.find(scope_of(name));
    Registry& registry = scope == scopes_.end() ? registry_ : *scope->second;
    found = models_.emplace(name, std::make_unique<ModelMetrics>(registry, shown_name(name))).first;
  }
  return *found->second;
}

DeviceMetrics DeviceMetrics::of(Registry& registry, const std::string& name) {
  const Labels labels = {{"device", name}};
  return {
      registry.gauge("barrio_engine_device_busy_seconds", "Time that the device's slots were in use.", labels),
      registry.gauge("barrio_engine_device_slots_busy", "Slots of the device in use.", labels),
      registry.gauge("barrio_engine_device_busy_share", "Share of its slots in use over the last second.", labels),
      registry.counter("barrio_engine_device_on_time_total", "Requests answered within their deadline.", labels),
      registry.gauge("barrio_engine_device_goodput_share",
                     "Share of the device's limit that was answered within deadlines over the last second.", labels)};
}

uint32_t EngineMetrics::tenant(std::string_view name) {
  const auto found = std::ranges::find(tenants_, name);
  if (found != tenants_.end()) return static_cast<uint32_t>(found - tenants_.begin());
  if (tenants_.size() >= most_tenants_) return static_cast<uint32_t>(most_tenants_ - 1);
  tenants_.emplace_back(tenants_.size() + 1 == most_tenants_ ? other_label : name);
  recent_.emplace_back();
  return static_cast<uint32_t>(tenants_.size() - 1);
}

void EngineMetrics::over(uint32_t tenant, bool on_time, Time now) {
  recent_[tenant].offered += 1;
  recent_[tenant].on_time += on_time ? 1 : 0;
  if (now < fairness_due_) return;
  fairness_due_ = now + fairness_period;
  work_out_fairness();
}

/// (sum x)^2 / (n sum x^2): 1 where all tenants have the same share on time, 1/n where one has it all.
void EngineMetrics::work_out_fairness() {
  double count = 0;
  double sum = 0;
  double squares = 0;
  for (Recent& recent : recent_) {
    if (recent.offered >= 1) {
      const double share = recent.on_time / recent.offered;
      count += 1;
      sum += share;
      squares += share * share;
    }
    recent.offered *= fairness_kept;
    recent.on_time *= fairness_kept;
  }
  fairness_.set(squares > 0 ? sum * sum / (count * squares) : 1);
}

}  // namespace barrio::engine
