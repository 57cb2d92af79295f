#include "engine/engine.h"

#include <algorithm>

#include "base/check.h"
#include "engine/engine_state.h"

namespace barrio::engine {

namespace {

/// What has cost nothing yet is given up before what has: a later step of a pipeline is one class up.
UrgencyClass class_of(const Submission& submission, UrgencyClass usual) {
  UrgencyClass urgency = submission.urgency.value_or(usual);
  if (!submission.may_rise) urgency = std::max(urgency, usual);  // hard is the least
  if (!submission.continues) return urgency;
  return urgency == UrgencyClass::best_effort ? UrgencyClass::soft : UrgencyClass::hard;
}

decide::Urgency urgency_of(UrgencyClass urgency) {
  switch (urgency) {
    case UrgencyClass::hard: return decide::Urgency::hard;
    case UrgencyClass::soft: return decide::Urgency::soft;
    case UrgencyClass::best_effort: break;
  }
  return decide::Urgency::best_effort;
}

struct DeclineReason {
  NotServed counted = NotServed::overloaded;
  Declined::Why why = Declined::Why::overloaded;
  const char* what = "";
};

DeclineReason reason_of(decide::Decline::Why why) {
  using Why = decide::Decline::Why;
  switch (why) {
    case Why::too_late:
      return {NotServed::too_late, Declined::Why::too_late, "cannot be answered in the time that is left"};
    case Why::overloaded:
      return {NotServed::overloaded, Declined::Why::too_late,
              "cannot be answered in the time that is left, behind what waits"};
    case Why::queue_full: break;
    case Why::unknown_model: return {NotServed::not_ready, Declined::Why::not_ready, "the model is not on its device"};
  }
  return {NotServed::queue_full, Declined::Why::overloaded, "the queue is full"};
}

}  // namespace

Engine::State::State(net::Reactor& loop, Backends named, EngineConfig settings, Registry& registry)
    : reactor(loop),
      backends(std::move(named)),
      config(std::move(settings)),
      metrics(registry, config.most_tenants),
      loader(std::make_unique<ModelLoader>(loop, config.loaders)) {
  CHECK(!backends.empty() && !config.devices.empty());
  for (const DeviceSpec& spec : config.devices) {
    devices.push_back(std::make_unique<Device>(reactor, spec, config, DeviceMetrics::of(registry, spec.name)));
  }
}

Engine::State::~State() {
  for (const auto& device : devices) reactor.cancel(device->timer);
}

void Engine::State::decline(const Version* version, const std::function<void(Served)>& done, Declined declined) const {
  Served served;
  if (version != nullptr) served.waiting = devices[version->device]->scheduler.waiting(version->index);
  served.declined = std::move(declined);
  done(std::move(served));
}

/// None: it was taken.
std::optional<Declined> Engine::State::admit(uint64_t id, Job& job) {
  Version& version = *job.version;
  decide::DeviceScheduler& scheduler = devices[version.device]->scheduler;
  const Submission& asked = job.submission;
  const Time now = job.submitted;
  std::optional<decide::Decline> no;
  if (scheduler.waiting(version.index) >= config.queue) no = {.why = decide::Decline::Why::queue_full};
  const auto weight = config.tenant_weights.find(asked.tenant);
  const decide::Work work{.id = id,
                          .model = version.index,
                          .arrived = asked.arrived,
                          .deadline = asked.deadline,
                          .urgency = urgency_of(*asked.urgency),
                          .tenant = job.tenant,
                          .weight = weight == config.tenant_weights.end() ? 1 : weight->second};
  for (bool again = true; again && !no;) {
    again = false;
    const auto answer = scheduler.admit(work, now);
    if (std::holds_alternative<decide::Accepted>(answer)) return std::nullopt;
    const auto& declined = std::get<decide::Decline>(answer);
    if (declined.why == decide::Decline::Why::too_late) again = forget_stale_profile(version, now);
    if (!again) no = declined;
  }
  const DeclineReason reason = reason_of(no->why);
  job.share->refused_for(reason.counted).add();
  Declined declined{.why = reason.why, .what = reason.what, .retry_after = no->retry_after};
  if (no->predicted_finish > now) declined.earliest = no->predicted_finish - asked.arrived;
  return declined;
}

uint64_t Engine::State::submit(Submission submission, std::function<void(Served)> done) {
  const uint64_t id = ++last_id;
  auto version = table.choose(submission.model, submission.version);
  if (version == nullptr) {
    Declined why = table.why_not(submission.model, submission.version);
    // The names of models that are not here are anybody's, and make no series.
    if (const auto known = table.present(submission.model)) known->metrics->failed.add();
    decline(nullptr, done, std::move(why));
    return id;
  }
  submission.urgency = class_of(submission, version->urgency);
  if (!submission.deadline && version->parameters.deadline) {
    submission.deadline = submission.arrived + *version->parameters.deadline;
  }
  if (submission.deadline) version->note_usual(*submission.deadline - submission.arrived);
  const uint32_t tenant = metrics.tenant(submission.tenant.empty() ? "own" : submission.tenant);
  Job job{.submission = std::move(submission), .done = std::move(done), .version = version, .tenant = tenant};
  job.share = &version->metrics->of(*job.submission.urgency, tenant, metrics.tenant_name(tenant));
  job.submitted = reactor.fresh_now();
  job.share->offered.add();
  const size_t device = version->device;
  if (auto declined = admit(id, job)) {
    const bool full = declined->why == Declined::Why::overloaded;
    (full ? version->metrics->overloaded : version->metrics->late).add();
    version->statistics.fail.add(job.submitted - job.submission.arrived);
    metrics.over(tenant, false, job.submitted);
    decline(version.get(), job.done, std::move(*declined));
    drop(take_dropped(device));
    return id;
  }
  job.share->admitted.add();
  ++version->open;
  jobs.emplace(id, std::move(job));
  drop(take_dropped(device));
  dispatch(device);
  show_waiting(*version);
  return id;
}

void Engine::State::cancel(uint64_t id) {
  const auto found = jobs.find(id);
  if (found == jobs.end()) return;
  Job& job = found->second;
  if (!std::exchange(job.done, nullptr)) return;
  job.share->refused_for(NotServed::cancelled).add();
  const auto version = job.version;
  Device& device = *devices[version->device];
  // One that runs goes on: its batch has others in it.
  if (job.runs || !device.scheduler.cancel(id)) return;
  jobs.erase(found);
  --version->open;
  show_waiting(*version);
  unload_if_done(version);
  dispatch(version->device);
}

/// The job is over: told to whoever asked, if they are still there.
void Engine::State::tell(Job job, Served served) {
  const auto version = job.version;
  --version->open;
  served.waiting = devices[version->device]->scheduler.waiting(version->index);
  if (job.done) job.done(std::move(served));
  unload_if_done(version);
}

void Engine::State::count_answer(const Job& job, const Result<ports::Outputs>& answer, Time now) {
  Version& version = *job.version;
  const Duration took = now - job.submission.arrived;
  const bool on_time = !job.submission.deadline || now <= *job.submission.deadline;
  (answer ? version.statistics.success : version.statistics.fail).add(took);
  ++version.canary_seen;
  if (answer) {
    version.metrics->answered.add();
  } else {
    version.canary_failed += answer.error().code == Code::invalid ? 0 : 1;
    (answer.error().code == Code::invalid ? version.metrics->rejected : version.metrics->failed).add();
  }
  if (!job.done) return;  // counted as cancelled
  if (!answer) {
    const bool exhausted = answer.error().code == Code::exhausted;
    job.share->refused_for(exhausted ? NotServed::exhausted : NotServed::failed).add();
  } else {
    (on_time ? job.share->on_time : job.share->late).add();
    if (on_time) devices[version.device]->metrics.on_time.add();
    version.on_time_lately += on_time ? 1 : 0;
  }
  metrics.over(job.tenant, answer.has_value() && on_time, now);
}

Engine::Engine(net::Reactor& reactor, Backends backends, EngineConfig config, Registry& registry)
    : state_(std::make_unique<State>(reactor, std::move(backends), std::move(config), registry)) {}

Engine::~Engine() = default;

uint64_t Engine::submit(Submission submission, std::function<void(Served)> done) {
  return state_->submit(std::move(submission), std::move(done));
}

void Engine::cancel(uint64_t id) {
  state_->cancel(id);
}

const ports::ModelInfo* Engine::find(std::string_view model, std::string_view version) const {
  const auto found = version.empty() ? state_->table.present(model) : state_->table.find(model, version);
  return found != nullptr && found->ready() ? &found->info : nullptr;
}

Declined Engine::why_not(std::string_view model, std::string_view version) const {
  return state_->table.why_not(model, version);
}

std::vector<ListedModel> Engine::index() const {
  return state_->table.index();
}

void Engine::load(std::string name, LoadParameters parameters, std::function<void(Result<void>)> done) {
  state_->load(std::move(name), std::move(parameters), std::move(done));
}

Result<std::vector<ModelStatistics>> Engine::statistics(std::string_view name, std::string_view version) const {
  return state_->table.statistics(name, version);
}

/// The fluid limit of docs/engine.md: every slot always runs the batch that answers most per second, of those that fit
/// the time that requests have. Where several models share a device, each has the part of it that its answers would
/// take.
void Engine::show_goodput(Duration passed) {
  std::vector<double> shares(state_->devices.size());
  for (const auto& [name, versions] : state_->table.all()) {
    for (const auto& version : versions) {
      const double answers = static_cast<double>(std::exchange(version->on_time_lately, 0));
      if (!version->ready() || !version->estimate) continue;
      const decide::Profile& profile = version->estimate->profile();
      const size_t best = std::max<size_t>(1, profile.best_within(version->usual));
      const double limit = profile.per_second(best) * static_cast<double>(version->instances.size());
      if (state_->table.present(name) == version) version->metrics->limit.set(limit);
      shares[version->device] += answers / to_seconds(passed) / limit;
    }
  }
  for (size_t i = 0; i < shares.size(); ++i) state_->devices[i]->metrics.goodput_share.set(shares[i]);
}

Duration Engine::used(size_t device, Time now) const {
  return state_->devices.at(device)->used(now);
}

const DeviceSpec* Engine::device(std::string_view name) const {
  const auto found = std::ranges::find(state_->devices, name, [](const auto& one) { return one->spec.name; });
  return found == state_->devices.end() ? nullptr : &(*found)->spec;
}

bool Engine::idle() const {
  return state_->jobs.empty();
}

}  // namespace barrio::engine
