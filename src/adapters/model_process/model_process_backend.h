#pragma once
// Runs another backend's models in processes of their own, one for each Model, so that a malformed or hostile model, or
// a library that fails over it, ends nothing but its process. docs/models.md says what such a process can still do.
//
//   owner:   Model::run -> IsolatedModel -> WorkerProcess -> Channel ~~ socket, shared memory ~~ model_worker: the real
//            Keeper: starts, sees it end, starts again with back-off                             backend, confined
//
// run() fails the requests of its batch (unavailable, with how the process ended) where the process crashes, answers
// nonsense, or has not answered when the grace after their deadlines is over; then, until it is up again, at once.

#include <memory>
#include <string>
#include <vector>

#include "adapters/model_process/back_off.h"
#include "base/quantity.h"
#include "ports/inference_backend.h"

namespace barrio::adapters {

class Keeper;

struct ModelProcessConfig {
  std::vector<std::string> arguments;  // a program that calls run_model_worker, and what it is to be told
  Bytes memory{};           // of a model that is given none, beyond the program and its libraries; 0: no limit
  Bytes tensors = mib(64);  // of a batch, and of its answers
  Duration load_limit = 60s;
  Duration run_limit = 60s;  // of a batch with a request that has no deadline
  Duration grace = 5s;       // after the last deadline of a batch
  BackOffConfig back_off = {};
};

class ModelProcessBackend final : public ports::InferenceBackend {
 public:
  explicit ModelProcessBackend(ModelProcessConfig config);
  ~ModelProcessBackend() override;
  /// Thread-safe; each Model may be used on any one thread at a time, and may outlive the backend. Errors: those of the
  /// real backend, not_found (no such file), unavailable (the process ended, or took longer than the limit).
  Result<std::unique_ptr<ports::Model>> load(const ports::LoadSpec& spec) override;

 private:
  ModelProcessConfig config_;
  std::shared_ptr<Keeper> keeper_;
};

}  // namespace barrio::adapters
