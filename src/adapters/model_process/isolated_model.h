#pragma once
// One model in its process. The caller's thread exchanges batches with the process; the keeper's loop starts it, sees
// it end between batches, and starts it again. Whose it is at a moment is said by `phase_`: the caller's while ready.

#include <condition_variable>
#include <mutex>
#include <optional>

#include "adapters/model_process/back_off.h"
#include "adapters/model_process/keeper.h"
#include "adapters/model_process/model_process_backend.h"
#include "adapters/model_process/worker_process.h"

namespace barrio::adapters {

class IsolatedModel final : public ports::Model, private net::IoHandler {
 public:
  IsolatedModel(std::shared_ptr<Keeper> keeper, const ModelProcessConfig& config, ports::LoadSpec spec,
                OwnedDescriptor file);
  ~IsolatedModel() override;
  IsolatedModel(const IsolatedModel&) = delete;
  IsolatedModel& operator=(const IsolatedModel&) = delete;

  /// Waits until the first process has loaded it, or has not: then there is no second.
  Result<void> load();
  const ports::ModelInfo& info() const override { return info_; }
  std::vector<Result<ports::Outputs>> run(std::span<const ports::InferenceRequest> batch) override;

 private:
  enum class Phase { starting, ready, waiting };

  // On the caller's thread.
  Result<Answers> run_good(std::span<const ports::InferenceRequest* const> batch);
  Time answer_limit(std::span<const ports::InferenceRequest* const> batch) const;
  Error not_ready() const;
  void give_up(Error why);

  // On the keeper's loop.
  void start();
  void on_io(uint32_t events) override;
  void take_loaded();
  Result<void> accept(Loaded loaded);
  void load_took_too_long();
  void has_failed(Error why);
  void stop_watching();

  const std::shared_ptr<Keeper> keeper_;
  const ModelProcessConfig config_;
  const ports::LoadSpec spec_;
  const OwnedDescriptor file_;

  ports::ModelInfo info_;  // written before the first ready
  std::unique_ptr<WorkerProcess> process_;

  // The loop's.
  BackOff back_off_;
  Time began_{};
  net::TimerId timer_ = 0;
  bool watched_ = false;
  bool loading_ = false;
  bool was_ready_ = false;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Phase phase_ = Phase::starting;  // guarded, like all below
  bool running_ = false;
  std::optional<Error> why_;  // it is not ready
  Time again_at_{};
};

}  // namespace barrio::adapters
