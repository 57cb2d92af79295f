#pragma once
// The engine's models as its fronts see them: which there are, in which versions and state; loading and unloading; what
// each has done. Triton's model repository and statistics extensions say this over REST and gRPC. Everything happens on
// the engine's loop.
//
// A model has one or more versions. One that is loaded is warmed before it gets requests; until then the one before
// serves. Requests that name no version are shared out by `share` (a canary: 0.05); one without a share still answers
// requests that name it. Giving one all unloads those that have none then.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/quantity.h"
#include "base/result.h"
#include "base/time.h"

namespace barrio::engine {

enum class ModelState { loading, ready, unloading, unavailable };
BARRIO_DESCRIBE_ENUM(ModelState, loading, ready, unloading, unavailable)

struct ModelVersion {
  std::string version = {};  // a positive number
  ModelState state = ModelState::loading;
  std::string reason = {};  // of unavailable: why; "unloaded" where it was asked for
  double share = 0;         // of the requests that name no version
};

struct ListedModel {
  std::string name;
  std::vector<ModelVersion> versions;  // oldest first
};

struct LoadParameters {
  std::string backend = {};  // "onnx", "opencv" ...; empty: that of the version before, else the engine's first
  std::string builtin = {};  // exactly one of builtin and path; both empty: as the version before has it, read anew
  std::string path = {};     // of a model file on this machine: only for callers that may name files
  std::string version = {};  // a positive number that is not in use; empty: one more than the newest
  double share = 1;          // of the requests that name no version, once it is ready; the others keep the rest
  Bytes memory{};            // that it may take, all its instances together; 0: what is usual (EngineConfig)
  size_t instances = 0;      // that run at the same time; 0, or more than the device has slots: one for each slot
  std::string device = {};   // empty: the engine's first
  std::string urgency = {};  // class of requests that name none: "hard", "soft", "best_effort"; empty: soft
  std::optional<Duration> deadline = {};  // of requests that name none, from their first byte
};

/// How often, and how long in all.
struct CountedTime {
  uint64_t count = 0;
  Duration total{};
  void add(Duration took, uint64_t times = 1) {
    count += times;
    total += took * static_cast<Duration::rep>(times);
  }
};

/// What Triton's statistics extension says of one version, since it was loaded. Times of a batch count once for each
/// of its requests, but in `batches`, where they count once a run.
struct ModelStatistics {
  struct Batch {
    size_t size = 1;  // requests in it
    CountedTime run;
  };
  std::string name;
  std::string version;
  std::optional<Time> last_inference;  // when the last run began
  uint64_t inference_count = 0;        // requests that were run
  uint64_t execution_count = 0;        // runs
  CountedTime success;                 // from arrival to answer
  CountedTime fail;                    // the same of errors and refusals
  CountedTime queue;
  CountedTime compute;
  std::vector<Batch> batches;  // by size, those that occurred
};

class ModelRepository {
 public:
  virtual ~ModelRepository() = default;
  /// By name. Includes versions that could not be loaded, until the next load of the same model, and the last few that
  /// served and were unloaded.
  virtual std::vector<ListedModel> index() const = 0;
  /// `done` is called on the loop, once: when the version answers requests, or with why it does not: invalid (names the
  /// parameter or the file), not_found, unsupported, exhausted (memory or models: how much there is), conflict (this
  /// version is there already, or the model is being loaded), cancelled (unloaded meanwhile). What the parameters leave
  /// out is as the version has it that they name, where that was here before; else as the present one. If they name one
  /// that answers and nothing else but a share, it is given that share (as share() does).
  virtual void load(std::string name, LoadParameters parameters, std::function<void(Result<void>)> done) = 0;
  /// Takes no new requests at once; answers those it has; then frees it and calls `done`. Empty version: all of them.
  /// Errors: not_found.
  virtual void unload(std::string name, std::string version, std::function<void(Result<void>)> done) = 0;
  /// Gives a ready version its share of the requests that name none. 1 ends a canary: to the new version it promotes,
  /// to the old one it rolls back. Errors: not_found, invalid (not in 0..1), unavailable (not ready).
  virtual Result<void> share(std::string_view name, std::string_view version, double share) = 0;
  /// Empty model: all; empty version: all of the model's. Errors: not_found.
  virtual Result<std::vector<ModelStatistics>> statistics(std::string_view name, std::string_view version) const = 0;
};

}  // namespace barrio::engine
