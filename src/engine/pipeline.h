#pragma once
// Pipelines as models: a request for one is run as its steps, one after the other, by the service beneath, under the
// one deadline of the request (decide/batching/pipeline.h). A step with for_each runs once for each element, all at the
// same time. Requests for other models pass through as they are.
//
// A step's model is known to the service beneath as `pipeline.step` (step_model). Each request is answered once: with
// the outputs, with the first step's failure or refusal, which ends what else runs of it, or not at all once cancelled.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "engine/inference_service.h"
#include "engine/step_needs.h"
#include "model/app.h"

namespace barrio::engine {

/// The name of a step's model: "street-pipeline.detect". App names have no dots.
std::string step_model(std::string_view pipeline, std::string_view step);

class Pipelines final : public InferenceService {
 public:
  using Clock = std::function<Time()>;
  /// What a step of a pipeline needs now: `step` is its model's name.
  using Needs = std::function<decide::StepNeed(std::string_view step, Time now)>;

  /// Without `needs`, what was measured here counts. `inner` outlives this.
  Pipelines(InferenceService& inner, Clock clock, Registry& registry, Needs needs = {});
  ~Pipelines() override;

  /// Known from now on under this name; requests work once all its steps' models are loaded.
  void add(const std::string& name, PipelineSpec spec);
  /// Why the pipeline is not ready; none: it is. Errors: not_found, unavailable (a step's model is not loaded), invalid
  /// (its tensors do not fit the models).
  Result<void> check(std::string_view name) const;

  uint64_t submit(Submission submission, std::function<void(Served)> done) override;
  void cancel(uint64_t id) override;
  /// Versions of pipelines: none but the present one, "1".
  const ports::ModelInfo* find(std::string_view model, std::string_view version) const override;
  Declined why_not(std::string_view model, std::string_view version) const override;
  size_t in_flight() const { return flights_.size(); }

 private:
  struct Pipeline;
  struct Flight;
  using FlightPtr = std::shared_ptr<Flight>;

  void start_step(const FlightPtr& flight);
  void run_all(const FlightPtr& flight, std::vector<std::vector<ports::Tensor>> runs, std::optional<Time> deadline);
  void part_served(const FlightPtr& flight, size_t part, Served served);
  void step_done(const FlightPtr& flight);
  void finish(const FlightPtr& flight, Served served);
  void fail_with(const FlightPtr& flight, Error error);
  std::vector<decide::StepNeed> needs_of(const Pipeline& pipeline, size_t from, Time now) const;
  std::optional<Declined> refusal(const Pipeline& pipeline, const Submission& submission, Time now) const;
  Result<ports::ModelInfo> describe(const Pipeline& pipeline) const;

  InferenceService& inner_;
  Clock clock_;
  Registry& registry_;
  Needs needs_;
  MeasuredNeeds measured_;
  std::map<std::string, std::shared_ptr<Pipeline>, std::less<>> pipelines_;
  std::map<uint64_t, FlightPtr> flights_;
  uint64_t last_id_;
};

}  // namespace barrio::engine
