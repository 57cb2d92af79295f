#pragma once
// What bench/engine measures, in virtual time (engine_sim.cpp) and over sockets: models of a known run time on a number
// of alike devices, and arrivals that are the same for everything that is compared.

#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "decide/batching/profile.h"

namespace barrio::bench {

/// A batch of b runs fixed + each x b.
struct ModelLoad {
  std::string name;
  Duration fixed{};
  Duration each{};
  Duration deadline{};
  double per_second = 0;                               // what is offered at load 1, over all devices
  size_t most_batch = decide::Profile::largest_batch;  // that the device takes

  /// The largest batch that anything here makes of it: the largest that runs within the deadline.
  size_t largest_batch() const;
  decide::Profile profile() const;
};

/// The fluid limit of one model alone, in answers per second: `devices` that always run the largest batch that runs
/// within the deadline.
double fluid_limit(const ModelLoad& model, size_t devices);

enum class Gaps { poisson, cv4, trace_code, trace_conversation, trace_mooncake };

struct Phase {
  Duration lasts{};
  double load = 1;  // times ModelLoad::per_second
};

struct Scenario {
  std::string name;
  size_t devices = 1;
  std::vector<ModelLoad> models;
  std::vector<Phase> phases;
  Gaps gaps = Gaps::poisson;
};

/// One device, a5 c1: a batch of b runs 5 + b ms. At load 1 the fluid limit is offered.
Scenario one_device(std::string name, Duration deadline, double load, Gaps gaps, Duration lasts);
/// The same model on `devices`.
Scenario alike_devices(size_t devices, double per_second, Duration lasts);
/// a3 c0.5 with 30 ms and a8 c1 with 300 ms on one device, 360/s each.
Scenario two_models(Duration lasts);
/// 0.3, 1.2 and 0.3 times the fluid limit of one device, a third of the time each.
Scenario load_step(Duration lasts);

struct Arrival {
  Duration at{};  // since the start
  uint32_t model = 0;
};

/// In order of time. The same seed gives the same arrivals. Traces: gaps as recorded (longer ones than 60 s left out),
/// time scaled to the asked rate, a slice that begins where the seed says; nothing where ../shared/data/traces is
/// missing.
std::optional<std::vector<Arrival>> arrivals(const Scenario& scenario, uint64_t seed, const std::string& traces);

}  // namespace barrio::bench
