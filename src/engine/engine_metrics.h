#pragma once
// What the engine counts. Offered requests end in exactly one of: on_time, late, refused (by reason). Label sets are
// bounded: models and tenants beyond the bound share the label "other". Series are made on first use, never per
// request.

#include <array>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/metrics.h"
#include "engine/inference_service.h"

namespace barrio::engine {

/// Why a request was not answered.
enum class NotServed {
  too_late,    // could not make it even on an idle device
  overloaded,  // would not be finished in time behind what is already there
  queue_full,
  not_ready,
  dropped_late,  // admitted; a run took longer than its profile
  sacrificed,    // admitted; given up so that more others make it
  displaced,     // admitted; given up for a tenant below its share, or a hard one
  removed,       // admitted; its model was unloaded
  cancelled,     // the caller went
  failed,        // the model failed
  exhausted,     // it ran out of memory, or its server of room
};
BARRIO_DESCRIBE_ENUM(NotServed, too_late, overloaded, queue_full, not_ready, dropped_late, sacrificed, displaced,
                     removed, cancelled, failed, exhausted)

/// The parts of a request's time in the engine.
enum class Stage {
  front,   // first byte to the end of its body
  decode,  // to its submission
  queue,   // until it ran, less hold
  hold,    // a slot was free, and the policy waited
  run,
  reply,  // from its run's end to its answer being written
};
BARRIO_DESCRIBE_ENUM(Stage, front, decode, queue, hold, run, reply)

/// Of one model, class and tenant.
struct ShareMetrics {
  Counter& offered;
  Counter& admitted;
  Counter& on_time;
  Counter& late;  // answered after its deadline
  std::array<Counter*, 11> refused;

  Counter& refused_for(NotServed why) const { return *refused[static_cast<size_t>(why)]; }
};

/// Of one model.
class ModelMetrics {
 public:
  ModelMetrics(Registry& registry, std::string model);

  Histogram& stage(Stage stage) const { return *stages_[static_cast<size_t>(stage)]; }
  void batch(size_t size) const;
  ShareMetrics& of(UrgencyClass urgency, uint32_t tenant, const std::string& tenant_name);

  Counter& answered;
  Counter& rejected;  // malformed
  Counter& late;      // could not make its deadline
  Counter& overloaded;
  Counter& failed;
  Gauge& waiting;
  Gauge& ready;          // versions that answer requests
  Gauge& profile_error;  // mean of |took - predicted| / predicted
  Gauge& limit;          // answers per second at best
  Histogram& queue;
  Histogram& compute;

 private:
  static constexpr size_t batch_sizes = 9;  // 1, 2, 4 ... 256
  Registry& registry_;
  std::string model_;
  std::array<Histogram*, 6> stages_;
  std::array<Counter*, batch_sizes> batches_;
  std::map<std::pair<UrgencyClass, uint32_t>, std::unique_ptr<ShareMetrics>> shares_;
};

struct DeviceMetrics {
  /// The series of this device; always the same.
  static DeviceMetrics of(Registry& registry, const std::string& name);

  Gauge& busy_seconds;  // of all its slots, since the start
  Gauge& slots_busy;
  Gauge& busy_share;     // of its slots, lately
  Counter& on_time;      // answers of all its models within their deadlines
  Gauge& goodput_share;  // of what these could be at best, lately
};

/// Of a model's name: "SCOPE/NAME", or NAME alone, whose scope is empty.
std::string_view scope_of(std::string_view model);
std::string shown_name(std::string_view model);

class EngineMetrics {
 public:
  static constexpr size_t most_models = 256;

  EngineMetrics(Registry& registry, size_t most_tenants);

  /// Series of the scope's models go to `registry`, under their names without it.
  void open_scope(const std::string& scope, Registry& registry) { scopes_[scope] = &registry; }
  /// Nothing refers to them any more.
  void close_scope(const std::string& scope);
  /// A name without a scope, or with one that is open.
  bool may_have(std::string_view model) const;
  ModelMetrics& model(std::string_view name);
  /// A small number; tenants beyond the bound share the last one.
  uint32_t tenant(std::string_view name);
  const std::string& tenant_name(uint32_t tenant) const { return tenants_[tenant]; }
  size_t most_tenants() const { return most_tenants_; }

  /// One request of this tenant is over. Once a second, fairness is worked out anew.
  void over(uint32_t tenant, bool on_time, Time now);

 private:
  struct Recent {
    double offered = 0;
    double on_time = 0;
  };
  void work_out_fairness();

  Registry& registry_;
  size_t most_tenants_;
  std::map<std::string, Registry*, std::less<>> scopes_;
  std::map<std::string, std::unique_ptr<ModelMetrics>, std::less<>> models_;
  std::vector<std::string> tenants_;
  std::vector<Recent> recent_;
  Time fairness_due_{};
  Gauge& fairness_;
};

}  // namespace barrio::engine
