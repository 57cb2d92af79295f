#pragma once
// How the engine's devices are, in its metrics: the share of their slots in use, and what the machine tells of the
// accelerators that they are. Looked at once a period, accelerators on a thread of their own: never for a request.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/engine_metrics.h"
#include "net/worker_pool.h"
#include "ports/accelerators.h"

namespace barrio::engine {

/// By device, the ids of its accelerators: those it names, or, of the only device that is no CPU, all that run
/// something.
std::vector<std::vector<std::string>> accelerators_of(const std::vector<DeviceSpec>& devices,
                                                      const std::vector<ports::Accelerator>& machine);

/// One accelerator of a device. A value has a series from when it was first told; not told any more, it is NaN.
class AcceleratorSeries {
 public:
  AcceleratorSeries(Registry& registry, const std::string& device, const ports::Accelerator& accelerator);

  /// A slice's temperature, errors and what slows it are those of its `parent`, its energy is not known.
  /// The energy in joules since the last time; none: not known.
  std::optional<double> show(const ports::Accelerator& told, const ports::Accelerator* parent, Time now);
  void gone();

 private:
  void set(const char* name, const char* help, std::optional<double> value);
  std::optional<double> joules_since(const ports::Accelerator& told, Time now);

  Registry& registry_;
  Labels labels_;
  std::map<std::string, Gauge*> gauges_;
  std::map<std::string, Gauge*> slowed_;  // by reason
  Counter& errors_;
  uint64_t errors_seen_ = 0;
  Time seen_{};
  std::optional<Joules> energy_;
};

class DeviceGauges {
 public:
  static constexpr Duration period = 1s;

  /// All outlive it. `machine`: null: not asked; if all devices are CPUs it is not asked either, and there is no
  /// thread. Lives on the loop.
  DeviceGauges(net::Reactor& reactor, Engine& engine, std::vector<DeviceSpec> devices, ports::Accelerators* machine,
               Registry& registry);
  ~DeviceGauges();
  DeviceGauges(const DeviceGauges&) = delete;
  DeviceGauges& operator=(const DeviceGauges&) = delete;

  /// Slots at once, accelerators when they have told. Comes by itself once a period.
  void look();
  /// How often accelerators have told.
  uint64_t told() const { return told_; }

 private:
  struct Device {
    DeviceMetrics metrics;
    Duration used{};
    std::map<std::string, AcceleratorSeries> accelerators = {};  // by id
    Gauge* joules_each = nullptr;                                // made once energy is known
    uint64_t on_time = 0;                                        // at the last look
    double recent_joules = 0;                                    // of about the last ten looks
    double recent_answers = 0;
  };

  void look_again();
  void show_slots();
  void show_accelerators(const Result<std::vector<ports::Accelerator>>& machine);
  void show_accelerators(size_t device, const std::vector<std::string>& ids,
                         const std::vector<ports::Accelerator>& machine);
  void show_joules(size_t device, std::optional<double> joules);

  net::Reactor& reactor_;
  Engine& engine_;
  std::vector<DeviceSpec> specs_;
  ports::Accelerators* machine_;
  Registry& registry_;
  std::vector<Device> devices_;
  Time slots_seen_{};
  uint64_t told_ = 0;
  bool asked_ = false;
  std::string trouble_;  // that was logged last
  net::TimerId timer_ = 0;
  std::unique_ptr<net::WorkerPool> thread_;  // last: its end waits for work that uses the rest
};

}  // namespace barrio::engine
