// Pipelines in virtual time: the engine's own Pipelines over the devices' own schedulers, beside the same steps with
// the full timeout given to each, and beside no limits at all, on the same arrivals. Prints one JSON object.
//
//   bench_engine_pipeline [seconds of each run, default 60] [seed, default 1]

#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <queue>

#include "base/check.h"
#include "base/rng.h"
#include "decide/batching/scheduler.h"
#include "engine/pipeline.h"
#include "engine_scenarios.h"
#include "report.h"

using namespace barrio;
using namespace barrio::bench;

namespace {

constexpr Time epoch{1000s};
constexpr const char* app = "street";

struct SimStep {
  std::string name;
  Duration fixed{};  // a batch of b runs fixed + each x b, or up to a tenth less
  Duration each{};
  size_t device = 0;
};

struct SimScenario {
  std::string name;
  std::vector<SimStep> steps;
  size_t devices = 1;
  Duration deadline{};
  double load = 1;   // times the fluid limit
  int elements = 0;  // the last step runs once for each of 0 to so many, the same number for all that is compared
  Gaps gaps = Gaps::poisson;
};

decide::Profile profile_of(const SimStep& step, Duration deadline) {
  const auto largest = std::max<int64_t>(1, (deadline - step.fixed) / step.each);
  return decide::Profile::affine(step.fixed, step.each, std::min<size_t>(64, static_cast<size_t>(largest)));
}

struct Outcome {
  uint64_t offered = 0;
  uint64_t on_time = 0;
  uint64_t late = 0;
  uint64_t not_answered = 0;
  double busy_ms = 0;
  double wasted_ms = 0;  // of it, for requests that were not answered in time
};

/// The service beneath, in virtual time: models on devices, each device under its scheduler.
class SimService final : public engine::InferenceService {
 public:
  SimService(const SimScenario& scenario, uint64_t seed) : rng_(seed) {
    for (size_t i = 0; i < scenario.devices; ++i) devices_.push_back(std::make_unique<Device>());
    for (const SimStep& step : scenario.steps) {
      const std::string name = engine::step_model(app, step.name);
      const auto index = static_cast<decide::ModelIndex>(models_.size());
      const bool last = &step == &scenario.steps.back();
      const int64_t rows = last && scenario.elements > 0 ? 1 : -1;
      ports::ModelInfo info{.name = name,
                            .platform = "sim",
                            .inputs = {{"x", ports::DataType::UINT8, {rows}}},
                            .outputs = {{"x", ports::DataType::UINT8, {rows}}}};
      models_.emplace(name, Model{index, step.device, profile_of(step, scenario.deadline), std::move(info)});
      devices_[step.device]->scheduler.set_model(index, models_.at(name).profile);
    }
  }

  Time now() const { return now_; }
  void at(Time when, std::function<void()> what) { events_.push({when, ++sequence_, std::move(what)}); }
  void run() {
    while (!events_.empty()) {
      Event event = events_.top();
      events_.pop();
      now_ = std::max(now_, event.when);
      event.what();
    }
  }

  uint64_t submit(engine::Submission submission, std::function<void(engine::Served)> done) override {
    const Model& model = models_.find(submission.model)->second;
    Device& device = *devices_[model.device];
    const uint64_t id = ++last_id_;
    const decide::Work work{
        .id = id,
        .model = model.index,
        .arrived = submission.arrived,
        .deadline = submission.deadline,
        .urgency = submission.urgency == engine::UrgencyClass::hard ? decide::Urgency::hard : decide::Urgency::soft};
    const auto answer = device.scheduler.admit(work, now_);
    const auto* no = std::get_if<decide::Decline>(&answer);
    if (no == nullptr) jobs_.emplace(id, Job{std::move(submission), std::move(done), now_});
    drop(device);
    if (no != nullptr) {
      engine::Served served;
      served.declined = engine::Declined{.why = engine::Declined::Why::too_late, .what = "declined"};
      done(std::move(served));
      return id;
    }
    dispatch(device);
    return id;
  }
  void cancel(uint64_t id) override {
    const auto found = jobs_.find(id);
    if (found == jobs_.end()) return;
    Device& device = *devices_[models_.find(found->second.submission.model)->second.device];
    if (device.scheduler.cancel(id)) {
      jobs_.erase(found);
    } else {
      found->second.done = nullptr;
    }
  }
  const ports::ModelInfo* find(std::string_view model, std::string_view) const override {
    const auto found = models_.find(model);
    return found == models_.end() ? nullptr : &found->second.info;
  }
  double busy_ms() const { return busy_ms_; }

  /// What one request has cost so far: its share of each batch that it was in. Kept by the moment it arrived.
  std::map<Time, double> cost_ms;

 private:
  struct Event {
    Time when;
    uint64_t sequence;
    std::function<void()> what;
    bool operator<(const Event& other) const {
      return when != other.when ? when > other.when : sequence > other.sequence;
    }
  };
  struct Model {
    decide::ModelIndex index;
    size_t device;
    decide::Profile profile;
    ports::ModelInfo info;
  };
  struct Device {
    decide::DeviceScheduler scheduler{decide::DeviceConfig{.slots = 1}};
    uint64_t asked = 0;  // the last wake-up that counts
  };
  struct Job {
    engine::Submission submission;
    std::function<void(engine::Served)> done;
    Time submitted;
  };

  void drop(Device& device) {
    const auto span = device.scheduler.take_dropped();
    const std::vector<decide::Dropped> dropped(span.begin(), span.end());
    for (const decide::Dropped& one : dropped) {
      const auto found = jobs_.find(one.id);
      Job job = std::move(found->second);
      jobs_.erase(found);
      engine::Served served;
      served.declined = engine::Declined{.why = engine::Declined::Why::too_late, .what = "dropped", .waited = true};
      // Told from the loop, as who is told may submit again.
      if (job.done) at(now_, [done = std::move(job.done), served = std::move(served)] { done(served); });
    }
  }

  void dispatch(Device& device) {
    while (true) {
      const decide::Next next = device.scheduler.next(now_);
      const auto* run = std::get_if<decide::RunBatch>(&next);
      if (run != nullptr) start(device, *run);
      const auto* wait = std::get_if<decide::WaitUntil>(&next);
      const auto again = wait != nullptr ? std::optional(wait->time) : std::nullopt;
      drop(device);
      if (again) {
        at(*again, [this, &device, number = ++device.asked] {
          if (number == device.asked) dispatch(device);
        });
      }
      if (run == nullptr) return;
    }
  }

  void start(Device& device, const decide::RunBatch& run) {
    const std::vector<uint64_t> ids(run.ids.begin(), run.ids.end());
    const Model& model = models_.find(jobs_.at(ids.front()).submission.model)->second;
    const Duration longest = model.profile.of(ids.size());
    const auto took = Duration(static_cast<int64_t>(static_cast<double>(longest.count()) * (0.9 + 0.1 * rng_.unit())));
    busy_ms_ += to_ms(took);
    for (const uint64_t id : ids) {
      cost_ms[jobs_.at(id).submission.arrived] += to_ms(took) / static_cast<double>(ids.size());
    }
    at(now_ + took, [this, &device, ids, took, slot = run.slot] {
      device.scheduler.finished(slot, now_);
      dispatch(device);
      for (const uint64_t id : ids) {
        Job job = std::move(jobs_.at(id));
        jobs_.erase(id);
        engine::Served served;
        served.outputs = std::move(job.submission.request.inputs);
        served.times = {.queue = now_ - took - job.submitted, .run = took, .batch = ids.size()};
        if (job.done) job.done(std::move(served));
      }
    });
  }

  Rng rng_;
  Time now_ = epoch;
  uint64_t sequence_ = 0;
  uint64_t last_id_ = 0;
  std::priority_queue<Event> events_;
  std::map<std::string, Model, std::less<>> models_;
  std::vector<std::unique_ptr<Device>> devices_;
  std::map<uint64_t, Job> jobs_;
  double busy_ms_ = 0;
};

PipelineSpec spec_of(const SimScenario& scenario) {
  PipelineSpec spec;
  for (const SimStep& step : scenario.steps) {
    PipelineStep one;
    one.name = step.name;
    one.model = {Backend::onnx, "", "m.onnx", ""};
    if (!spec.steps.empty()) one.inputs["x"] = {spec.steps.back().name, "x"};
    spec.steps.push_back(std::move(one));
  }
  if (scenario.elements > 0) {
    spec.steps.back().for_each = spec.steps.back().inputs.at("x");
    spec.steps.back().most = scenario.elements;
  }
  CHECK(spec.check());
  return spec;
}

/// The same steps with a timeout for each, counted from its beginning; none: no limit.
class TimeoutPerStep {
 public:
  TimeoutPerStep(SimService& service, const SimScenario& scenario, std::optional<Duration> timeout)
      : service_(service), scenario_(scenario), timeout_(timeout) {}

  void submit(engine::Submission submission, std::function<void(engine::Served)> done, size_t step = 0) {
    const bool each = step + 1 == scenario_.steps.size() && scenario_.elements > 0;
    const auto count = each ? static_cast<size_t>(submission.request.inputs[0].shape[0]) : 1;
    const auto open = std::make_shared<size_t>(count);
    const auto failed = std::make_shared<bool>(false);
    if (count == 0) return done({});
    for (size_t part = 0; part < count; ++part) {
      engine::Submission one = submission;
      one.model = engine::step_model(app, scenario_.steps[step].name);
      one.deadline.reset();
      if (timeout_) one.deadline = service_.now() + *timeout_;
      service_.submit(std::move(one), [this, submission, done, step, open, failed](engine::Served served) {
        if (served.declined) *failed = true;
        if (--*open > 0) return;
        if (*failed) {
          engine::Served whole;
          whole.declined = engine::Declined{};
          return done(std::move(whole));
        }
        if (step + 1 == scenario_.steps.size()) return done(std::move(served));
        submit(submission, done, step + 1);
      });
    }
  }

 private:
  SimService& service_;
  const SimScenario& scenario_;
  std::optional<Duration> timeout_;
};

/// What the devices can answer at most: each step in batches as large as some split of the deadline allows.
double fluid_limit_of(const SimScenario& scenario) {
  const double mean_elements = scenario.elements > 0 ? scenario.elements / 2.0 : 1;
  double best = 0;
  constexpr int grid = 40;
  std::function<void(size_t, int, std::vector<double>)> split = [&](size_t step, int left, std::vector<double> busy) {
    if (step == scenario.steps.size()) {
      best = std::max(best, 1 / *std::max_element(busy.begin(), busy.end()));
      return;
    }
    const int from = step + 1 == scenario.steps.size() ? left : 1;
    for (int share = from; share <= left; ++share) {
      const decide::Profile profile = profile_of(scenario.steps[step], scenario.deadline);
      const size_t batch = profile.best_within(scenario.deadline * share / grid);
      if (batch == 0) continue;
      auto more = busy;
      const double runs = step + 1 == scenario.steps.size() ? mean_elements : 1;
      more[scenario.steps[step].device] += runs / profile.per_second(batch);
      split(step + 1, left - share, std::move(more));
    }
  };
  split(0, grid, std::vector<double>(scenario.devices, 0));
  return best;
}

enum class Way { one_deadline, timeout_per_step, no_limit };

Outcome run(const SimScenario& scenario, Way way, Duration lasts, uint64_t seed) {
  SimService service(scenario, mix(seed, 7));
  Registry registry;
  engine::Pipelines pipelines(service, [&service] { return service.now(); }, registry);
  pipelines.add(app, spec_of(scenario));
  TimeoutPerStep others(service, scenario,
                        way == Way::timeout_per_step ? std::optional(scenario.deadline) : std::nullopt);
  Scenario shape{scenario.name,
                 1,
                 {{"pipeline", 1ms, 1ms, scenario.deadline, fluid_limit_of(scenario)}},
                 {{lasts, scenario.load}},
                 scenario.gaps};
  const auto all = arrivals(shape, seed, "");
  CHECK(all);
  Rng elements(mix(seed, 9));
  Outcome outcome;
  std::map<Time, bool> in_time;
  for (const Arrival& arrival : *all) {
    const auto rows = scenario.elements > 0
                          ? static_cast<int64_t>(elements.below(static_cast<uint64_t>(scenario.elements) + 1))
                          : int64_t{1};
    const Time when = epoch + arrival.at;
    ++outcome.offered;
    service.at(when, [&, rows, when] {
      engine::Submission submission;
      submission.model = app;
      submission.arrived = when;
      submission.deadline = when + scenario.deadline;
      submission.request.inputs = {{"x", ports::DataType::UINT8, {rows}, std::string(static_cast<size_t>(rows), 'x')}};
      const auto done = [&, when](const engine::Served& served) {
        const bool answered = !served.declined && !served.error;
        const bool good = answered && service.now() <= when + scenario.deadline;
        in_time[when] = good;
        ++(good ? outcome.on_time : answered ? outcome.late : outcome.not_answered);
      };
      if (way == Way::one_deadline) {
        pipelines.submit(std::move(submission), done);
      } else {
        others.submit(std::move(submission), done);
      }
    });
  }
  service.run();
  CHECK(outcome.offered == outcome.on_time + outcome.late + outcome.not_answered);
  outcome.busy_ms = service.busy_ms();
  for (const auto& [when, cost] : service.cost_ms) {
    if (!in_time[when]) outcome.wasted_ms += cost;
  }
  return outcome;
}

JsonObject figures(const Outcome& outcome, Duration lasts, size_t devices) {
  const double offered = static_cast<double>(outcome.offered);
  return {{"on_time_share", static_cast<double>(outcome.on_time) / offered},
          {"late_share", static_cast<double>(outcome.late) / offered},
          {"wasted_share", outcome.busy_ms > 0 ? outcome.wasted_ms / outcome.busy_ms : 0},
          {"device_busy", outcome.busy_ms / to_ms(lasts) / static_cast<double>(devices)}};
}

std::vector<SimScenario> scenarios() {
  const SimStep decode{"decode", 500us, 100us, 0};
  const SimStep detect{"detect", 5ms, 1ms, 0};
  const SimStep classify{"classify", 3ms, 500us, 0};
  const auto on = [](SimStep step, size_t device) {
    step.device = device;
    return step;
  };
  return {
      {"pipeline_one_device", {detect, classify}, 1, 100ms},
      {"pipeline_two_devices", {detect, on(classify, 1)}, 2, 60ms},
      {"pipeline_even_devices", {detect, on({"classify", 5ms, 1ms, 0}, 1)}, 2, 60ms},
      {"pipeline_three_steps", {decode, on(detect, 1), on(classify, 2)}, 3, 80ms},
      {"pipeline_three_one_device", {decode, detect, classify}, 1, 150ms},
      {"pipeline_elements", {detect, on(classify, 1)}, 2, 80ms, 1, 8},
      {"pipeline_cv4", {detect, classify}, 1, 100ms, 1, 0, Gaps::cv4},
      {"pipeline_overload", {detect, classify}, 1, 100ms, 1.5},
      {"pipeline_light", {detect, classify}, 1, 100ms, 0.6},
  };
}

}  // namespace

int main(int argc, char** argv) {
  const Duration lasts = std::chrono::seconds(argc > 1 ? std::atoi(argv[1]) : 60);
  const uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  JsonArray results;
  for (const SimScenario& scenario : scenarios()) {
    const Outcome ours = run(scenario, Way::one_deadline, lasts, seed);
    const Outcome full = run(scenario, Way::timeout_per_step, lasts, seed);
    const Outcome none = run(scenario, Way::no_limit, lasts, seed);
    results.push_back(JsonObject{
        {"name", scenario.name},
        {"deadline_ms", to_ms(scenario.deadline)},
        {"fluid_limit_per_s", fluid_limit_of(scenario)},
        {"load", scenario.load},
        {"one_deadline", figures(ours, lasts, scenario.devices)},
        {"full_timeout_per_step", figures(full, lasts, scenario.devices)},
        {"no_limit", figures(none, lasts, scenario.devices)},
        {"times_as_many_on_time",
         static_cast<double>(ours.on_time) / static_cast<double>(std::max<uint64_t>(1, full.on_time))},
    });
  }
  print_report("engine_pipeline", {{"seed", seed}}, std::move(results));
}
