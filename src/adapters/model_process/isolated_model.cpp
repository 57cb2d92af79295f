#include "adapters/model_process/isolated_model.h"

#include <sys/epoll.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "ports/tensor.h"

namespace barrio::adapters {

namespace {

/// A process whose socket was closed by its end is reaped within this; one that closed it and lives on is killed.
constexpr Duration end_grace = 200ms;

bool same(const std::vector<ports::TensorSpec>& a, const std::vector<ports::TensorSpec>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.name == y.name && x.datatype == y.datatype && x.shape == y.shape;
  });
}

std::string whole_ms(Duration duration) {
  return std::to_string(std::chrono::ceil<std::chrono::milliseconds>(duration).count()) + " ms";
}

}  // namespace

IsolatedModel::IsolatedModel(std::shared_ptr<Keeper> keeper, const ModelProcessConfig& config, ports::LoadSpec spec,
                             OwnedDescriptor file)
    : keeper_(std::move(keeper)),
      config_(config),
      spec_(std::move(spec)),
      file_(std::move(file)),
      back_off_(config.back_off) {}

IsolatedModel::~IsolatedModel() {
  std::unique_ptr<WorkerProcess> last;
  keeper_->call([&] {
    keeper_->reactor().cancel(timer_);
    stop_watching();
    last = std::move(process_);
  });
  // Its end is waited for here, not on the loop that others share.
}

Result<void> IsolatedModel::load() {
  keeper_->reactor().post([this] { start(); });
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return phase_ != Phase::starting; });
  if (phase_ == Phase::ready) return {};
  return fail(*why_);
}

std::vector<Result<ports::Outputs>> IsolatedModel::run(std::span<const ports::InferenceRequest> batch) {
  std::vector<Result<ports::Outputs>> answers;
  std::vector<const ports::InferenceRequest*> good;
  for (const auto& request : batch) {
    auto checked = ports::check_inputs(info_, request);
    if (checked) {
      good.push_back(&request);
      answers.emplace_back();
    } else {
      answers.emplace_back(fail(std::move(checked).error()));
    }
  }
  if (good.empty()) return answers;
  auto run = run_good(good);
  size_t next = 0;
  for (auto& answer : answers) {
    if (!answer) continue;
    if (run)
      answer = std::move((*run)[next++]);
    else
      answer = fail(run.error());
  }
  return answers;
}

Result<Answers> IsolatedModel::run_good(std::span<const ports::InferenceRequest* const> batch) {
  {
    const std::lock_guard lock(mutex_);
    if (phase_ != Phase::ready) return fail(not_ready());
    running_ = true;
  }
  const Time began = net::read_clock();
  auto answers = process_->exchange(batch, info_, answer_limit(batch));
  if (answers) {
    const std::lock_guard lock(mutex_);
    running_ = false;
    return answers;
  }
  const Error& broken = answers.error();
  const bool gone = broken.code == Code::unavailable;
  const std::string how = process_->end(gone ? end_grace : Duration::zero());
  std::string what = "its process is gone: " + how;
  if (broken.code == Code::timed_out)
    what = "its process had no answer after " + whole_ms(net::read_clock() - began) + " and was killed";
  if (broken.code == Code::invalid) what = "its process was killed: " + broken.text();
  Error why{Code::unavailable, std::move(what), "model " + spec_.name};
  give_up(why);
  return fail(why);
}

Time IsolatedModel::answer_limit(std::span<const ports::InferenceRequest* const> batch) const {
  const Time now = net::read_clock();
  Time latest = now;
  for (const auto* request : batch) latest = std::max(latest, request->deadline.value_or(now + config_.run_limit));
  return latest + config_.grace;
}

Error IsolatedModel::not_ready() const {
  Error error = why_.value_or(Error{Code::unavailable, "its process is starting", "model " + spec_.name});
  error.code = Code::unavailable;
  const Duration left = again_at_ - net::read_clock();
  if (left > Duration::zero()) error.what += "; it starts again in " + whole_ms(left);
  return error;
}

void IsolatedModel::give_up(Error why) {
  {
    const std::lock_guard lock(mutex_);
    running_ = false;
    phase_ = Phase::waiting;
    why_ = why;
  }
  keeper_->reactor().post([this, why = std::move(why)] { has_failed(why); });
}

void IsolatedModel::start() {
  timer_ = 0;
  began_ = net::read_clock();
  const WorkerProgram program{config_.arguments, static_cast<size_t>(config_.tensors.count())};
  auto process = WorkerProcess::start(
      program, {.spec = spec_, .memory = spec_.memory.count() > 0 ? spec_.memory : config_.memory}, file_.get());
  if (!process) return has_failed(std::move(process).error().within("model " + spec_.name));
  process_ = std::move(*process);
  keeper_->reactor().watch(process_->socket(), EPOLLIN | EPOLLRDHUP, *this);
  watched_ = loading_ = true;
  timer_ = keeper_->reactor().call_after(config_.load_limit, [this] { load_took_too_long(); });
}

void IsolatedModel::on_io(uint32_t) {
  if (loading_) return take_loaded();
  {
    const std::lock_guard lock(mutex_);
    // In the middle of a batch, its caller sees the end and says so.
    if (phase_ != Phase::ready || running_) return stop_watching();
    phase_ = Phase::waiting;  // nobody begins a batch any more
  }
  has_failed({Code::unavailable, "its process is gone: " + process_->end(end_grace), "model " + spec_.name});
}

void IsolatedModel::take_loaded() {
  loading_ = false;
  keeper_->reactor().cancel(std::exchange(timer_, 0));
  std::optional<Error> refused;
  auto loaded = process_->take_loaded(refused);
  if (refused) return has_failed(std::move(*refused));
  if (!loaded && loaded.error().code == Code::unavailable) {
    return has_failed({Code::unavailable, "its process is gone, while it loaded the model: " + process_->end(end_grace),
                       "model " + spec_.name});
  }
  auto accepted = loaded ? accept(std::move(*loaded)) : Result<void>(fail(loaded.error()));
  if (!accepted) return has_failed(std::move(accepted).error().within("model " + spec_.name));
  keeper_->reactor().change(process_->socket(), EPOLLRDHUP, *this);
  const Time now = net::read_clock();
  back_off_.started(now);
  log_info("model process is ready",
           {{"model", spec_.name}, {"pid", std::to_string(process_->pid())}, {"took", whole_ms(now - began_)}});
  const std::lock_guard lock(mutex_);
  phase_ = Phase::ready;
  was_ready_ = true;
  changed_.notify_all();
}

Result<void> IsolatedModel::accept(Loaded loaded) {
  if (!loaded.unconfined.empty() && keeper_->first_complaint())
    log_warning("model processes are confined less than they could be", {{"missing", loaded.unconfined}});
  loaded.info.name = spec_.name;
  if (!was_ready_) {
    info_ = std::move(loaded.info);
    return {};
  }
  // Callers hold on to what was said the first time.
  const bool unchanged = same(loaded.info.inputs, info_.inputs) && same(loaded.info.outputs, info_.outputs) &&
                         loaded.info.max_batch == info_.max_batch;
  if (!unchanged) return fail(Code::conflict, "its file has become another model");
  return {};
}

void IsolatedModel::load_took_too_long() {
  timer_ = 0;
  loading_ = false;
  process_->end(Duration::zero());
  has_failed({Code::unavailable, "its process took longer than " + whole_ms(config_.load_limit) + " to load the model",
              "model " + spec_.name});
}

void IsolatedModel::has_failed(Error why) {
  stop_watching();
  process_.reset();
  const Time now = net::read_clock();
  const Duration wait = back_off_.failed(now);
  if (was_ready_) {
    log_warning("model process failed", {{"why", why.text()}, {"again_in", whole_ms(wait)}});
    timer_ = keeper_->reactor().call_after(wait, [this] { start(); });
  }
  const std::lock_guard lock(mutex_);
  phase_ = Phase::waiting;
  why_ = std::move(why);
  again_at_ = now + wait;
  changed_.notify_all();
}

void IsolatedModel::stop_watching() {
  if (std::exchange(watched_, false)) keeper_->reactor().unwatch(process_->socket(), *this);
}

}  // namespace barrio::adapters
