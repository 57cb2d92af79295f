#pragma once
// How others choose what to run, re-stated to run on the same arrivals as ours, in virtual time. All see the true run
// times.

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine_scenarios.h"

namespace barrio::bench {

struct Job {
  uint32_t model = 0;
  Time arrived{};
  Time deadline{};
};

/// What a policy does at one moment; jobs by their index.
struct Step {
  bool run = false;
  uint32_t model = 0;
  std::vector<uint32_t> batch;
  Time ask_again = Time::max();
};

class Policy {
 public:
  virtual ~Policy() = default;
  /// False: refused at once.
  virtual bool arrived(uint32_t job, const Job& what, Time now) = 0;
  /// A device is free.
  virtual Step next(Time now) = 0;
  virtual void finished(uint32_t model, size_t batch, Time started, Time now) = 0;
  /// Given up since the last call.
  std::vector<uint32_t> dropped;
};

using MakePolicy = std::function<std::unique_ptr<Policy>(const Scenario&)>;

/// Takes what waits, oldest first, up to the largest batch: Triton's dynamic batcher as it comes.
MakePolicy eager();
struct Tuning {
  size_t batch = 8;
  Duration delay{};          // waits so long for a full batch
  Duration queue_timeout{};  // what waited longer is not run; zero: none
};
/// The same with max_batch_size, max_queue_delay and a queue timeout.
MakePolicy fixed(Tuning tuning);
std::vector<Tuning> tunings();
/// Clipper: the batch limit grows by one while batches stay within the objective, and shrinks by a tenth where not.
MakePolicy aimd();
/// Nexus: batches of the size that fits twice into the deadline; gives up the heads that would make them smaller.
MakePolicy early_drop();
/// Clockwork: of the batch sizes 1, 2, 4, ... the largest that is there and that the head can make; hopeless ones are
/// refused.
MakePolicy clockwork();
/// Symphony: starts a batch at the last moment at which its head could make it with one more.
MakePolicy deferral();
/// decide/batching.
MakePolicy ours();

}  // namespace barrio::bench
