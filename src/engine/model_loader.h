#pragma once
// Brings a model into memory on threads of its own, so that no other model waits: checks its file, loads one instance
// for each slot, runs each once, and measures how long batches take. Lives on the loop.

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "decide/batching/profile.h"
#include "engine/work_queue.h"
#include "ports/inference_backend.h"

namespace barrio::engine {

using Instances = std::vector<std::unique_ptr<ports::Model>>;

struct LoadedModel {
  Instances instances;
  /// l(b) as measured on zeros; none where zeros say nothing of real requests: see measure().
  std::optional<decide::Profile> measured;
};

struct LoadJob {
  ports::InferenceBackend* backend = nullptr;
  ports::LoadSpec spec;
  size_t instances = 1;
  size_t most_batch = 1;  // that the device gains from
};

class ModelLoader {
 public:
  ModelLoader(net::Reactor& reactor, size_t threads) : queue_(reactor, threads, most_waiting) {}
  /// `done` comes on the loop. Errors: the backend's; exhausted (too many loads wait).
  void load(const LoadJob& job, std::function<void(Result<LoadedModel>)> done);
  /// Frees them on a thread, as that may take long, then calls `done`.
  void free(Instances instances, std::function<void()> done);

 private:
  static constexpr size_t most_waiting = 1024;
  struct Progress;

  WorkQueue queue_;
};

/// Runs the model once on zeros (free dimensions are 1), so that the first caller does not pay for its first-time work.
/// Models that take BYTES are not warmed: there are no bytes that mean nothing.
void warm(ports::Model& model);

/// The slowest of a few runs on zeros for batches of 1, 2, 4 ... `most_batch`; those between are interpolated, those
/// above half a second's worth extrapolated. None: an input is BYTES or has free dimensions other than a batch's, so
/// that a run on zeros is not like a real one; or the model refuses zeros.
std::optional<decide::Profile> measure(ports::Model& model, size_t most_batch);

}  // namespace barrio::engine
