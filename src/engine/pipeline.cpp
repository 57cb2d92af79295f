#include "engine/pipeline.h"

#include <algorithm>

#include "engine/pipeline_tensors.h"

namespace barrio::engine {

using ports::ModelInfo;
using ports::Outputs;
using ports::Tensor;

namespace {

/// Tells our numbers from those of the service beneath, which count up from small ones.
constexpr uint64_t ours = uint64_t{1} << 63;

}  // namespace

std::string step_model(std::string_view pipeline, std::string_view step) {
  return std::string(pipeline) + "." + std::string(step);
}

struct Pipelines::Pipeline {
  struct Metrics {
    Counter& answered;
    Counter& refused;  // before any step ran
    Counter& given_up;
    Counter& failed;
    Histogram& whole;
    Histogram& wasted;
  };
  std::string name;
  PipelineSpec spec;
  std::vector<std::string> models;  // of the steps
  Metrics metrics;
  mutable ModelInfo info;  // what find() points to
};

struct Pipelines::Flight {
  uint64_t id = 0;
  std::shared_ptr<const Pipeline> pipeline;
  Submission submission;  // without its tensors
  std::function<void(Served)> done;
  TensorStore tensors;
  size_t step = 0;
  Time submitted{};

  struct Part {
    uint64_t id = 0;  // 0: not waiting for it
    bool over = false;
    Outputs outputs;
  };
  Time step_started{};
  std::vector<Part> parts;  // of the present step
  size_t open = 0;          // parts that are not over
  Duration longest_run{};   // of the present step
  Times times;              // of all steps
  bool over = false;
};

Pipelines::Pipelines(InferenceService& inner, Clock clock, Registry& registry, Needs needs)
    : inner_(inner), clock_(std::move(clock)), registry_(registry), needs_(std::move(needs)), last_id_(ours) {
  if (!needs_) needs_ = [this](std::string_view step, Time now) { return measured_.of(step, now); };
}

Pipelines::~Pipelines() {
  // The service beneath may live on; nobody is told any more.
  while (!flights_.empty()) cancel(flights_.begin()->first);
}

void Pipelines::add(const std::string& name, PipelineSpec spec) {
  const auto outcome = [&](const char* what) -> Counter& {
    return registry_.counter("barrio_engine_pipeline_requests_total", "Requests for pipelines by outcome.",
                             {{"pipeline", name}, {"outcome", what}});
  };
  Pipeline::Metrics metrics{
      outcome("answered"),
      outcome("refused"),
      outcome("given_up"),
      outcome("failed"),
      registry_.histogram("barrio_engine_pipeline_seconds", "From submission to the answer of all steps.",
                          {{"pipeline", name}}),
      registry_.histogram("barrio_engine_pipeline_wasted_seconds",
                          "Run time of the steps of requests that were not answered.", {{"pipeline", name}})};
  std::vector<std::string> models;
  for (const PipelineStep& step : spec.steps) models.push_back(step_model(name, step.name));
  pipelines_[name] =
      std::make_shared<Pipeline>(Pipeline{name, std::move(spec), std::move(models), metrics, ModelInfo()});
}

Result<ModelInfo> Pipelines::describe(const Pipeline& pipeline) const {
  std::vector<const ModelInfo*> models;
  for (size_t i = 0; i < pipeline.models.size(); ++i) {
    models.push_back(inner_.find(pipeline.models[i], {}));
    if (models.back() == nullptr)
      return fail(Code::unavailable, "its model is not loaded", "step " + pipeline.spec.steps[i].name);
  }
  return describe_pipeline(pipeline.name, pipeline.spec, models);
}

Result<void> Pipelines::check(std::string_view name) const {
  const auto found = pipelines_.find(name);
  if (found == pipelines_.end()) return fail(Code::not_found, "there is no such pipeline", std::string(name));
  TRY_DO(describe(*found->second));
  return {};
}

const ModelInfo* Pipelines::find(std::string_view model, std::string_view version) const {
  const auto found = pipelines_.find(model);
  if (found == pipelines_.end()) return inner_.find(model, version);
  if (!version.empty() && version != "1") return nullptr;
  auto info = describe(*found->second);
  if (!info) return nullptr;
  found->second->info = std::move(*info);
  return &found->second->info;
}

Declined Pipelines::why_not(std::string_view model, std::string_view version) const {
  const auto found = pipelines_.find(model);
  if (found == pipelines_.end()) return inner_.why_not(model, version);
  if (!version.empty() && version != "1") {
    return {.why = Declined::Why::unknown_model, .what = "pipeline " + found->first + " has version 1 only"};
  }
  const auto info = describe(*found->second);
  return {.why = Declined::Why::not_ready, .what = info ? "" : "pipeline " + found->first + ": " + info.error().text()};
}

std::vector<decide::StepNeed> Pipelines::needs_of(const Pipeline& pipeline, size_t from, Time now) const {
  std::vector<decide::StepNeed> needs;
  for (size_t i = from; i < pipeline.models.size(); ++i) needs.push_back(needs_(pipeline.models[i], now));
  return needs;
}

std::optional<Declined> Pipelines::refusal(const Pipeline& pipeline, const Submission& submission, Time now) const {
  if (auto info = describe(pipeline); !info)
    return Declined{.why = Declined::Why::not_ready, .what = info.error().text()};
  if (!submission.deadline) return std::nullopt;
  const auto needs = needs_of(pipeline, 0, now);
  const Duration missing = decide::missing_time(needs, now, *submission.deadline);
  if (missing == Duration::zero()) return std::nullopt;
  Declined declined{.why = Declined::Why::too_late, .what = "all steps cannot be finished in the time that is left"};
  declined.earliest = *submission.deadline + missing - submission.arrived;
  return declined;
}

uint64_t Pipelines::submit(Submission submission, std::function<void(Served)> done) {
  const auto found = pipelines_.find(submission.model);
  if (found == pipelines_.end()) return inner_.submit(std::move(submission), std::move(done));
  const uint64_t id = ++last_id_;
  const auto pipeline = found->second;
  const Time now = clock_();
  Served refused;
  refused.declined = refusal(*pipeline, submission, now);
  if (refused.declined) {
    pipeline->metrics.refused.add();
    done(std::move(refused));
    return id;
  }
  auto flight = std::make_shared<Flight>();
  flight->id = id;
  flight->pipeline = pipeline;
  flight->done = std::move(done);
  flight->submitted = now;
  auto tensors = TensorStore::of_request(std::move(submission.request.inputs));
  flight->submission = std::move(submission);
  flights_[id] = flight;
  if (!tensors) {
    fail_with(flight, std::move(tensors).error());
  } else {
    flight->tensors = std::move(*tensors);
    start_step(flight);
  }
  return id;
}

void Pipelines::start_step(const FlightPtr& flight) {
  const Time now = clock_();
  const Pipeline& pipeline = *flight->pipeline;
  std::optional<Time> deadline = flight->submission.deadline;
  if (deadline) {
    deadline = decide::step_deadline(needs_of(pipeline, flight->step, now), now, *deadline);
    if (!deadline) {
      Served late;
      late.declined = Declined{
          .why = Declined::Why::too_late,
          .what = "step " + pipeline.spec.steps[flight->step].name + " and those after it cannot be finished any more",
          .waited = true};
      return finish(flight, std::move(late));
    }
  }
  const ModelInfo* model = inner_.find(pipeline.models[flight->step], {});
  if (model == nullptr)
    return fail_with(flight, {Code::unavailable, "its model was unloaded", pipeline.models[flight->step]});
  auto runs = flight->tensors.inputs_for(pipeline.spec, flight->step, *model);
  if (!runs) return fail_with(flight, std::move(runs).error());
  flight->step_started = now;
  flight->longest_run = {};
  if (runs->empty()) {
    flight->parts.clear();
    return step_done(flight);
  }
  run_all(flight, std::move(*runs), deadline);
}

void Pipelines::run_all(const FlightPtr& flight, std::vector<std::vector<Tensor>> runs, std::optional<Time> deadline) {
  flight->parts.assign(runs.size(), {});
  flight->open = runs.size();
  const size_t step = flight->step;
  for (size_t part = 0; part < runs.size(); ++part) {
    Submission submission;
    submission.model = flight->pipeline->models[step];
    submission.tenant = flight->submission.tenant;
    submission.urgency = flight->submission.urgency;
    submission.continues = step > 0;
    submission.arrived = flight->submission.arrived;
    submission.deadline = deadline;
    submission.request = {std::move(runs[part]), flight->submission.request.stream, deadline};
    const uint64_t id = inner_.submit(
        std::move(submission), [this, flight, part](Served served) { part_served(flight, part, std::move(served)); });
    // Answers may have come before the number did, and with the last of them the next step.
    if (flight->step != step) return;
    if (!flight->parts[part].over) flight->parts[part].id = id;
    if (!flight->over) continue;
    // Another part of it failed just now.
    if (flight->parts[part].id != 0) inner_.cancel(std::exchange(flight->parts[part].id, 0));
    return;
  }
}

void Pipelines::part_served(const FlightPtr& flight, size_t index, Served served) {
  if (flight->over) return;
  Flight::Part& part = flight->parts[index];
  part.over = true;
  part.id = 0;
  --flight->open;
  flight->times.batch = std::max(flight->times.batch, served.times.batch);
  flight->longest_run = std::max(flight->longest_run, served.times.run);
  if (served.error || served.declined) {
    const std::string where = "step " + flight->pipeline->spec.steps[flight->step].name;
    if (served.error) served.error = std::move(*served.error).within(where);
    if (served.declined) {
      served.declined->what = where + ": " + served.declined->what;
      served.declined->waited = served.declined->waited || flight->step > 0;
      // Said of the step alone.
      served.declined->earliest.reset();
    }
    served.outputs.clear();
    return finish(flight, std::move(served));
  }
  part.outputs = std::move(served.outputs);
  if (flight->open == 0) step_done(flight);
}

void Pipelines::step_done(const FlightPtr& flight) {
  const Pipeline& pipeline = *flight->pipeline;
  const Time now = clock_();
  if (!flight->parts.empty()) {
    measured_.add(pipeline.models[flight->step], flight->longest_run, now - flight->step_started, now);
  }
  flight->times.run += flight->longest_run;
  const ModelInfo* model = inner_.find(pipeline.models[flight->step], {});
  if (model == nullptr)
    return fail_with(flight, {Code::unavailable, "its model was unloaded", pipeline.models[flight->step]});
  std::vector<Outputs> answers;
  for (Flight::Part& part : flight->parts) answers.push_back(std::move(part.outputs));
  auto kept = flight->tensors.keep(pipeline.spec.steps[flight->step], *model, std::move(answers));
  if (!kept) return fail_with(flight, std::move(kept).error());
  if (++flight->step < pipeline.spec.steps.size()) return start_step(flight);
  auto outputs = flight->tensors.outputs_of(pipeline.spec);
  if (!outputs) return fail_with(flight, std::move(outputs).error());
  Served served;
  served.outputs = std::move(*outputs);
  finish(flight, std::move(served));
}

void Pipelines::fail_with(const FlightPtr& flight, Error error) {
  Served served;
  served.error = std::move(error);
  finish(flight, std::move(served));
}

void Pipelines::finish(const FlightPtr& flight, Served served) {
  flight->over = true;
  flights_.erase(flight->id);
  for (Flight::Part& part : flight->parts) {
    if (part.id != 0) inner_.cancel(std::exchange(part.id, 0));
  }
  const Time now = clock_();
  const Pipeline::Metrics& metrics = flight->pipeline->metrics;
  metrics.whole.observe(now - flight->submitted);
  if (served.error || served.declined) metrics.wasted.observe(flight->times.run);
  (served.error ? metrics.failed : served.declined ? metrics.given_up : metrics.answered).add();
  served.times = flight->times;
  served.times.queue = std::max(Duration::zero(), now - flight->submitted - flight->times.run);
  const auto done = std::move(flight->done);
  done(std::move(served));
}

void Pipelines::cancel(uint64_t id) {
  if ((id & ours) == 0) return inner_.cancel(id);
  const auto found = flights_.find(id);
  if (found == flights_.end()) return;
  const FlightPtr flight = found->second;
  flight->over = true;
  flights_.erase(found);
  for (Flight::Part& part : flight->parts) {
    if (part.id != 0) inner_.cancel(std::exchange(part.id, 0));
  }
}

}  // namespace barrio::engine
