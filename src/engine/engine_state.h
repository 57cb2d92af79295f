#pragma once
// The parts of Engine: devices (engine_devices.cpp), requests (engine.cpp), models (engine_models.cpp). Private to
// them.

#include <unordered_map>

#include "decide/batching/scheduler.h"
#include "engine/engine.h"
#include "engine/engine_metrics.h"
#include "engine/model_loader.h"
#include "engine/model_table.h"

namespace barrio::engine {

/// A request that was taken, until it is answered.
struct Job {
  Submission submission;
  std::function<void(Served)> done;  // empty: the caller is gone
  std::shared_ptr<Version> version;
  ShareMetrics* share = nullptr;
  uint32_t tenant = 0;
  Time submitted{};
  bool runs = false;
};

/// One run: the requests are moved in, the answers out.
struct Batch {
  std::shared_ptr<Version> version;
  std::vector<uint64_t> ids;
  std::vector<ports::InferenceRequest> requests;
  std::vector<Result<ports::Outputs>> answers;
  uint32_t slot = 0;
  size_t instance = 0;  // of the version
  Time free_since{};    // of the slot
  Time handed{};
};

struct Device {
  Device(net::Reactor& reactor, const DeviceSpec& device_spec, const EngineConfig& config,
         DeviceMetrics device_metrics);

  Duration used(Time now) const;

  DeviceSpec spec;
  decide::DeviceScheduler scheduler;
  DeviceMetrics metrics;
  std::vector<Time> free_since;                // by slot
  std::vector<std::optional<Time>> run_since;  // by slot; none: free
  Duration busy{};                             // of runs that are over
  Bytes kept{};                                // for models
  net::TimerId timer = 0;
  net::WorkerPool pool;  // last: its end waits for work that uses the rest
};

struct Engine::State {
  State(net::Reactor& loop, Backends named, EngineConfig settings, Registry& registry);
  ~State();

  // requests
  uint64_t submit(Submission submission, std::function<void(Served)> done);
  void cancel(uint64_t id);
  std::optional<Declined> admit(uint64_t id, Job& job);
  void tell(Job job, Served served);
  void decline(const Version* version, const std::function<void(Served)>& done, Declined declined) const;
  void count_answer(const Job& job, const Result<ports::Outputs>& answer, Time now);

  // devices
  void dispatch(size_t device);
  void start(size_t device, const decide::RunBatch& run);
  void finish(size_t device, const std::shared_ptr<Batch>& batch, net::WorkDone ran);
  void answer(Batch& batch, net::WorkDone ran);
  void drop(std::span<const decide::Dropped> dropped);
  std::vector<decide::Dropped> take_dropped(size_t device);
  void show_waiting(const Version& version) const;
  void learn(Batch& batch, Duration took);
  void give_profile(Version& version);
  bool forget_stale_profile(Version& version, Time now);

  // models
  Result<std::shared_ptr<Version>> plan_load(const std::string& name, LoadParameters parameters);
  std::shared_ptr<Version> ready_as_asked(const std::string& name, const LoadParameters& asked) const;
  Result<void> give_share(Version& version, double share);
  Result<LoadParameters> complete(const std::string& name, LoadParameters parameters) const;
  Result<Bytes> memory_needed(const std::string& name, const LoadParameters& parameters, const Device& device) const;
  Bytes memory_of_instance(const Version& version, size_t instances) const;
  void load(std::string name, LoadParameters parameters, std::function<void(Result<void>)> done);
  void loaded(const std::shared_ptr<Version>& version, Result<LoadedModel> result);
  void retire_unshared(const std::string& name);
  void unload(const std::shared_ptr<Version>& version, std::string reason);
  void unload_if_done(const std::shared_ptr<Version>& version);
  void freed(const std::shared_ptr<Version>& version);
  void judge_canary(const std::shared_ptr<Version>& version);
  void show_ready(const std::string& name);
  uint32_t new_index();

  net::Reactor& reactor;
  Backends backends;
  EngineConfig config;
  EngineMetrics metrics;
  ModelTable table;
  std::unordered_map<uint64_t, Job> jobs;
  uint64_t last_id = 0;
  std::vector<bool> indices;  // in use
  std::vector<std::unique_ptr<Device>> devices;
  std::unique_ptr<ModelLoader> loader;  // last: its threads end first
};

}  // namespace barrio::engine
