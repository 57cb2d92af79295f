#include "engine_policy_server.h"

#include <algorithm>

#include "base/text.h"
#include "net/thread_priority.h"

namespace barrio::bench {

PolicyServer::PolicyServer(net::Reactor& reactor, const Scenario& scenario, const MakePolicy& make,
                           std::vector<std::unique_ptr<ports::Model>> models)
    : reactor_(reactor),
      scenario_(scenario),
      policy_(make(scenario_)),
      models_(std::move(models)),
      server_(reactor, {},
              [this](net::Request request, net::Responder answer) { take(std::move(request), std::move(answer)); }),
      device_(reactor, 1, net::WorkersDo::wait) {}

void PolicyServer::take(net::Request request, net::Responder answer) {
  const auto model = std::ranges::find_if(
      scenario_.models, [&](const ModelLoad& one) { return request.path() == "/v2/models/" + one.name + "/infer"; });
  const auto left = parse_double(net::find_header(request.headers, "Barrio-Deadline-Ms").value_or(""));
  if (model == scenario_.models.end() || !left) return answer({.status = 400});
  const Time now = reactor_.fresh_now();
  const auto id = static_cast<uint32_t>(jobs_.size());
  const auto index = static_cast<uint32_t>(model - scenario_.models.begin());
  const Duration time(static_cast<int64_t>(*left * 1e6));
  const ports::TensorSpec& input = models_[index]->info().inputs.front();
  std::vector<int64_t> shape = input.shape;
  shape.front() = 1;
  jobs_.push_back(
      {.job = {index, now, now + time},
       .request = {.inputs = {{input.name, input.datatype, std::move(shape), std::move(request.body)}}, .stream = {}},
       .answer = std::move(answer)});
  if (!policy_->arrived(id, jobs_[id].job, now)) tell(id, 429);
  give_up();
  run_next();
}

void PolicyServer::tell(uint32_t job, int status) {
  auto& answer = jobs_[job].answer;
  if (answer) (*answer)({.status = status});
  answer.reset();
  jobs_[job].request = {};
}

void PolicyServer::give_up() {
  for (const uint32_t job : policy_->dropped) tell(job, 503);
  policy_->dropped.clear();
}

void PolicyServer::run_next() {
  reactor_.cancel(std::exchange(timer_, 0));
  while (!busy_) {
    const Time now = reactor_.fresh_now();
    Step step = policy_->next(now);
    give_up();
    if (!step.run) {
      if (step.ask_again > now && step.ask_again != Time::max())
        timer_ = reactor_.call_at(step.ask_again, [this] { run_next(); });
      return;
    }
    std::erase_if(step.batch, [&](uint32_t job) {
      const bool old = now - jobs_[job].job.arrived > oldest;
      if (old) tell(job, 503);
      return old;
    });
    if (!step.batch.empty()) run(step, now);
  }
}

void PolicyServer::run(const Step& step, Time now) {
  busy_ = true;
  const auto requests = std::make_shared<std::vector<ports::InferenceRequest>>();
  for (const uint32_t job : step.batch) requests->push_back(std::move(jobs_[job].request));
  const auto answers = std::make_shared<std::vector<Result<ports::Outputs>>>();
  device_.run(
      0, [answers, requests, model = models_[step.model].get()] { *answers = model->run(*requests); },
      [this, answers, step, now](net::WorkDone) {
        busy_ = false;
        policy_->finished(step.model, step.batch.size(), now, reactor_.fresh_now());
        run_next();
        for (size_t i = 0; i < step.batch.size(); ++i) tell(step.batch[i], (*answers)[i] ? 200 : 500);
      });
}

}  // namespace barrio::bench
