#pragma once
// The core of an engine process: many models, in versions, on the devices of one machine. Requests wait under one
// decide::DeviceScheduler per device, which sees all models on it, and run in batches on its slots, one thread each.
//
//   submit   admission at arrival: what would end past its deadline behind what is there is declined at once
//   run      a batch of one version on a free slot; every run teaches the version's profile l(b)
//   load     on threads of its own: file and memory checked, one instance for each slot, warmed, measured; the version
//            before serves until the new one is ready
//
// Lives on its loop, which must end before it. Bounds: requests waiting per model and device, models, memory.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "decide/batching/work.h"
#include "engine/inference_service.h"
#include "engine/model_repository.h"
#include "net/reactor.h"
#include "net/worker_pool.h"

namespace barrio::engine {

struct DeviceSpec {
  std::string name = "cpu";
  size_t slots = 1;                            // runs at the same time; of a CPU: one for each core
  bool is_cpu = true;                          // earliest deadline first, batches of at most 2
  Bytes memory{};                              // for models; 0: not known, not limited
  std::vector<std::string> accelerators = {};  // ports::Accelerator::id; empty, of the only one that is no CPU: all
  std::string backend = {};                    // "oip", "openai": a model server has it; empty: it runs models itself
  std::string server = {};                     // settings of that backend
};

struct EngineConfig {
  std::vector<DeviceSpec> devices = {{}};
  size_t queue = 256;                                 // requests waiting for one model; over it: declined
  size_t device_queue = 4096;                         // and for one device
  size_t models = 64;                                 // versions in memory
  size_t most_tenants = 32;                           // told apart in shares and metrics; the others count as one
  net::WorkersDo slots_do = net::WorkersDo::compute;  // wait: where the backends run models in other processes
  size_t loaders = 4;                                 // threads that load
  Bytes model_file = gib(16);
  Bytes model_memory = gib(1);  // of each instance of a model that declares none, beside room for its weights
  Duration margin = decide::answer_margin;
  std::map<std::string, double> tenant_weights = {};  // of those not named: 1
};

class Engine final : public InferenceService, public ModelRepository {
 public:
  /// Backends by name ("onnx"); they outlive the engine. The first is that of loads that name none.
  using Backends = std::vector<std::pair<std::string, ports::InferenceBackend*>>;

  Engine(net::Reactor& reactor, Backends backends, EngineConfig config, Registry& registry);
  ~Engine() override;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  uint64_t submit(Submission submission, std::function<void(Served)> done) override;
  void cancel(uint64_t id) override;
  const ports::ModelInfo* find(std::string_view model, std::string_view version) const override;
  Declined why_not(std::string_view model, std::string_view version) const override;

  std::vector<ListedModel> index() const override;
  void load(std::string name, LoadParameters parameters, std::function<void(Result<void>)> done) override;
  void unload(std::string name, std::string version, std::function<void(Result<void>)> done) override;
  Result<void> share(std::string_view name, std::string_view version, double share) override;
  Result<std::vector<ModelStatistics>> statistics(std::string_view name, std::string_view version) const override;

  /// Time that the slots of this one of the configured devices have been in use, runs in progress included.
  Duration used(size_t device, Time now) const;

  /// Each model's limit, and the share of its device's that was answered in time since the last call, `passed` ago.
  void show_goodput(Duration passed);

  /// From now on models may be named "SCOPE/NAME": one replica's, in an engine that serves several. Their series are in
  /// its registry, under NAME alone.
  void open_scope(const std::string& scope, Registry& registry);
  /// Once all its models are unloaded.
  void close_scope(const std::string& scope);

  /// Null: there is none of that name.
  const DeviceSpec* device(std::string_view name) const;
  /// Nothing waits or runs.
  bool idle() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace barrio::engine
