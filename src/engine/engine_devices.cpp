// The engine's devices: what runs next, running it, and what its run teaches.

#include <algorithm>

#include "base/check.h"
#include "engine/engine_state.h"

namespace barrio::engine {

namespace {

constexpr Duration least_trust = 1s;
constexpr Duration hopeful{1000};  // of a model that nothing is known of: it is tried

struct DropReason {
  NotServed counted = NotServed::dropped_late;
  const char* what = "";
};

DropReason reason_of(decide::Dropped::Why why) {
  using Why = decide::Dropped::Why;
  switch (why) {
    case Why::late: break;
    case Why::sacrificed: return {NotServed::sacrificed, "given up in the queue, so that more others are in time"};
    case Why::displaced: return {NotServed::displaced, "given up in the queue for a request that goes first"};
    case Why::removed: return {NotServed::removed, "its model was unloaded"};
  }
  return {NotServed::dropped_late, "its time ran out in the queue"};
}

decide::Profile hopeful_profile(const Version& version, const DeviceSpec& device) {
  const size_t most = device.is_cpu ? 2 : decide::Profile::largest_batch;
  return decide::Profile::affine(hopeful, hopeful, std::clamp<size_t>(version.info.max_batch, 1, most));
}

/// After the first run of a model that could not be measured. A request more in a batch is taken to cost a fifth: if it
/// were taken to cost as much as the first, larger batches would not be tried, and it would never be learned.
decide::Profile first_guess(size_t batch, Duration took, size_t most) {
  const double of_one = static_cast<double>(took.count()) / (0.8 + 0.2 * static_cast<double>(batch));
  const auto part = [&](double share) { return std::max(Duration(1), Duration(static_cast<int64_t>(share * of_one))); };
  return decide::Profile::affine(part(0.8), part(0.2), most);
}

}  // namespace

Device::Device(net::Reactor& reactor, const DeviceSpec& device_spec, const EngineConfig& config,
               DeviceMetrics device_metrics)
    : spec(device_spec),
      scheduler({.slots = device_spec.slots,
                 .most_waiting = config.device_queue,
                 .is_cpu = device_spec.is_cpu,
                 .margin = config.margin}),
      metrics(device_metrics),
      free_since(device_spec.slots),
      run_since(device_spec.slots),
      pool(reactor, device_spec.slots, config.slots_do) {}

Duration Device::used(Time now) const {
  Duration all = busy;
  for (const auto& since : run_since) all += since ? now - *since : Duration::zero();
  return all;
}

std::vector<decide::Dropped> Engine::State::take_dropped(size_t device) {
  const auto dropped = devices[device]->scheduler.take_dropped();
  return {dropped.begin(), dropped.end()};
}

/// Starts what can start. What is given up is told last, as whoever is told may submit again.
void Engine::State::dispatch(size_t index) {
  Device& device = *devices[index];
  reactor.cancel(std::exchange(device.timer, 0));
  std::vector<decide::Dropped> dropped;
  for (bool more = true; more;) {
    const Time now = reactor.fresh_now();
    const decide::Next next = device.scheduler.next(now);
    const auto* run = std::get_if<decide::RunBatch>(&next);
    more = run != nullptr;
    if (more) start(index, *run);
    for (const decide::Dropped& one : device.scheduler.take_dropped()) dropped.push_back(one);
    if (const auto* wait = std::get_if<decide::WaitUntil>(&next)) {
      device.timer = reactor.call_at(wait->time, [this, index] {
        devices[index]->timer = 0;
        dispatch(index);
      });
    }
  }
  device.metrics.slots_busy.set(static_cast<double>(device.scheduler.running()));
  drop(dropped);
}

void Engine::State::start(size_t index, const decide::RunBatch& run) {
  Device& device = *devices[index];
  const auto batch = std::make_shared<Batch>();
  batch->slot = run.slot;
  batch->handed = reactor.now();
  batch->free_since = device.free_since[run.slot];
  device.run_since[run.slot] = batch->handed;
  for (const decide::WorkId id : run.ids) {
    Job& job = jobs.at(id);
    job.runs = true;
    batch->version = job.version;
    batch->ids.push_back(id);
    job.submission.request.deadline = job.submission.deadline;
    batch->requests.push_back(std::move(job.submission.request));
  }
  show_waiting(*batch->version);
  CHECK(!batch->version->free_instances.empty());
  batch->instance = batch->version->take_instance();
  ports::Model& model = *batch->version->instances[batch->instance];
  device.pool.run(
      run.slot, [batch, &model] { batch->answers = model.run(batch->requests); },
      [this, index, batch](net::WorkDone ran) { finish(index, batch, ran); });
}

void Engine::State::finish(size_t index, const std::shared_ptr<Batch>& batch, net::WorkDone ran) {
  Device& device = *devices[index];
  const Time now = reactor.fresh_now();
  device.scheduler.finished(batch->slot, now);
  batch->version->free_instances.push_back(batch->instance);
  device.free_since[batch->slot] = now;
  device.run_since[batch->slot].reset();
  device.busy += now - batch->handed;
  device.metrics.busy_seconds.set(to_seconds(device.busy));
  while (batch->answers.size() < batch->ids.size()) {
    batch->answers.push_back(fail(Code::unavailable, "the model gave no answer", batch->version->model));
  }
  learn(*batch, now - batch->handed);
  dispatch(index);
  answer(*batch, ran);
  judge_canary(batch->version);
}

void Engine::State::show_waiting(const Version& version) const {
  version.metrics->waiting.set(static_cast<double>(devices[version.device]->scheduler.waiting(version.index)));
}

/// What a slot was in use for, from being handed the batch: that is what the next one waits for.
void Engine::State::learn(Batch& batch, Duration took) {
  Version& version = *batch.version;
  version.last_run = reactor.now();
  const auto good = std::ranges::count_if(batch.answers, [](const auto& answer) { return answer.has_value(); });
  // Errors are quick; counting them would make the model look faster than it is.
  if (static_cast<size_t>(good) != batch.answers.size()) return;
  const size_t size = batch.ids.size();
  if (!version.estimate) {
    const size_t most = std::max(size, hopeful_profile(version, devices[version.device]->spec).max_batch());
    version.estimate.emplace(first_guess(size, took, most));
  } else {
    version.estimate->ran(size, took);
  }
  version.metrics->profile_error.set(version.estimate->error());
  if (version.ready()) give_profile(version);
}

void Engine::State::give_profile(Version& version) {
  Device& device = *devices[version.device];
  const size_t at_once = version.instances.size();
  if (!version.estimate)
    return device.scheduler.set_model(version.index, hopeful_profile(version, device.spec), at_once);
  const uint64_t newest = version.estimate->version() + 1;
  if (std::exchange(version.estimate_given, newest) == newest) return;
  device.scheduler.set_model(version.index, version.estimate->profile(), at_once);
}

/// A profile that says that no request can make it is believed only while it is fresh: if a slow spell made every
/// request look hopeless, nothing would run and nothing would be learned any more. True: forgotten; ask again.
bool Engine::State::forget_stale_profile(Version& version, Time now) {
  if (!version.estimate || version.open > 0) return false;
  const Duration trusted = std::max(least_trust, 4 * version.estimate->profile().of(1));
  if (now - version.last_run <= trusted) return false;
  version.estimate.reset();
  version.estimate_given = 0;
  give_profile(version);
  return true;
}

void Engine::State::answer(Batch& batch, net::WorkDone ran) {
  Version& version = *batch.version;
  const size_t size = batch.ids.size();
  ModelStatistics& statistics = version.statistics;
  statistics.last_inference = ran.began;
  ++statistics.execution_count;
  statistics.inference_count += size;
  statistics.compute.add(ran.took, size);
  auto of_size = std::ranges::find(statistics.batches, size, &ModelStatistics::Batch::size);
  if (of_size == statistics.batches.end()) of_size = statistics.batches.insert(of_size, {.size = size, .run = {}});
  of_size->run.add(ran.took);
  version.metrics->batch(size);
  const auto kept = batch.version;  // a caller that is told may unload it
  for (size_t i = 0; i < size; ++i) {
    const auto found = jobs.find(batch.ids[i]);
    Job job = std::move(found->second);
    jobs.erase(found);
    Served served;
    // Where cores are scarce, a worker begins later than it was handed the work: that is queueing, too.
    served.times = {.queue = ran.began - job.submitted,
                    .hold = std::max(Duration::zero(), batch.handed - std::max(job.submitted, batch.free_since)),
                    .run = ran.took,
                    .batch = size};
    served.version = std::to_string(kept->number);
    kept->metrics->queue.observe(served.times.queue);
    kept->metrics->compute.observe(ran.took);
    kept->metrics->stage(Stage::queue).observe(served.times.queue - served.times.hold);
    kept->metrics->stage(Stage::hold).observe(served.times.hold);
    kept->metrics->stage(Stage::run).observe(ran.took);
    kept->statistics.queue.add(served.times.queue);
    count_answer(job, batch.answers[i], reactor.now());
    if (batch.answers[i]) {
      served.outputs = std::move(*batch.answers[i]);
    } else {
      served.error = std::move(batch.answers[i]).error();
    }
    tell(std::move(job), std::move(served));
  }
}

void Engine::State::drop(std::span<const decide::Dropped> dropped) {
  for (const decide::Dropped& one : dropped) {
    const auto found = jobs.find(one.id);
    if (found == jobs.end()) continue;
    Job job = std::move(found->second);
    jobs.erase(found);
    show_waiting(*job.version);
    const Time now = reactor.now();
    const DropReason reason = reason_of(one.why);
    job.share->refused_for(reason.counted).add();
    job.version->metrics->late.add();
    job.version->statistics.fail.add(now - job.submission.arrived);
    metrics.over(job.tenant, false, now);
    Served served;
    served.declined = Declined{
        .why = Declined::Why::too_late, .what = reason.what, .retry_after = {}, .earliest = {}, .waited = true};
    served.times.queue = now - job.submitted;
    job.version->metrics->queue.observe(served.times.queue);
    tell(std::move(job), std::move(served));
  }
}

}  // namespace barrio::engine
