#include "engine/engine_server.h"

#include <fmt/format.h>

#include "api/oip/message.h"
#include "base/text.h"
#include "engine/inference.h"

namespace barrio::engine {

struct EngineServer::Job {
  net::Request request;
  net::Responder respond;
  Time arrived;
  std::optional<Time> deadline;
};

struct EngineServer::Metrics {
  Metrics(Registry& registry, const std::string& model)
      : answered(outcome(registry, model, "answered")),
        rejected(outcome(registry, model, "rejected")),
        late(outcome(registry, model, "late")),
        overloaded(outcome(registry, model, "overloaded")),
        failed(outcome(registry, model, "failed")),
        waiting(registry.gauge("barrio_engine_waiting", "Requests in the queue.", {{"model", model}})),
        ready(registry.gauge("barrio_engine_ready", "1 once the model is loaded.", {{"model", model}})),
        queue(registry.histogram("barrio_engine_queue_seconds", "Time in the queue.", {{"model", model}})),
        compute(registry.histogram("barrio_engine_compute_seconds", "Time on a worker.", {{"model", model}})) {}

  static Counter& outcome(Registry& registry, const std::string& model, const std::string& name) {
    return registry.counter("barrio_engine_requests_total", "Inference requests by outcome.",
                            {{"model", model}, {"outcome", name}});
  }

  Counter& of_status(int status) {
    if (status < 400) return answered;
    return status < 500 ? rejected : failed;
  }

  Counter& answered;
  Counter& rejected;  // malformed
  Counter& late;      // could not make its deadline
  Counter& overloaded;
  Counter& failed;
  Gauge& waiting;
  Gauge& ready;
  Histogram& queue;
  Histogram& compute;
};

namespace {

constexpr std::string_view engine_version = "0.1.0";
constexpr std::string_view models_path = "/v2/models/";
constexpr double most_deadline_ms = 3'600'000;

net::Response json_response(int status, std::string body) {
  return {status, {{"Content-Type", "application/json"}}, std::move(body)};
}

net::Response not_allowed(std::string_view allowed) {
  net::Response response = error_response(405, "this path takes " + std::string(allowed));
  response.headers.emplace_back("Allow", allowed);
  return response;
}

/// Paths without a model; nullopt for any other.
std::optional<net::Response> server_response(std::string_view path, bool ready, const Registry& registry) {
  if (path == "/v2" || path == "/v2/") return json_response(200, api::print_server_metadata(engine_version));
  if (path == "/v2/health/live") return json_response(200, R"({"live":true})");
  if (path == "/v2/health/ready")
    return json_response(ready ? 200 : 503, ready ? R"({"ready":true})" : R"({"ready":false})");
  if (path == "/metrics") return net::Response{200, {{"Content-Type", "text/plain; version=0.0.4"}}, registry.text()};
  return std::nullopt;
}

/// What is left of the request's time; none if it says nothing. Errors: invalid.
Result<std::optional<Duration>> time_left(const net::Request& request) {
  const auto header = net::find_header(request.headers, "Barrio-Deadline-Ms");
  if (!header) return std::optional<Duration>();
  const auto ms = parse_double(*header);
  if (!ms || !(*ms >= -most_deadline_ms && *ms <= most_deadline_ms)) {
    return fail(Code::invalid, "'" + std::string(*header) + "' is not a number of milliseconds", "Barrio-Deadline-Ms");
  }
  return std::optional<Duration>(from_ms(*ms));
}

}  // namespace

EngineServer::EngineServer(net::Reactor& reactor, ports::InferenceBackend& backend, EngineConfig config,
                           Registry& registry, std::function<void(Error)> on_failed)
    : reactor_(reactor),
      backend_(backend),
      config_(std::move(config)),
      registry_(registry),
      metrics_(std::make_unique<Metrics>(registry, config_.model.name)),
      on_failed_(std::move(on_failed)),
      free_(config_.workers, false),
      models_(config_.workers),
      server_(reactor, config_.limits,
              [this](net::Request request, net::Responder respond) { handle(std::move(request), std::move(respond)); }),
      pool_(reactor, config_.workers) {
  for (size_t worker = 0; worker < pool_.workers(); ++worker) load(worker);
}

EngineServer::~EngineServer() = default;

Result<net::SocketAddress> EngineServer::listen(const net::SocketAddress& address) {
  return server_.listen(address);
}

void EngineServer::load(size_t worker) {
  auto failure = std::make_shared<std::optional<Error>>();
  auto work = [this, worker, failure] {
    auto model = backend_.load(config_.model);
    if (!model) {
      *failure = std::move(model).error();
      return;
    }
    warm(**model);
    models_[worker] = std::move(*model);
  };
  pool_.run(worker, std::move(work), [this, worker, failure](net::WorkDone) {
    if (*failure) {
      if (!std::exchange(failed_, true)) on_failed_(std::move(**failure));
      return;
    }
    // Until its first job, nobody but this loop looks at the model.
    info_ = models_[worker]->info();
    free_[worker] = true;
    ++loaded_;
    metrics_->ready.set(ready() ? 1 : 0);
  });
}

void EngineServer::handle(net::Request request, net::Responder respond) {
  const std::string_view path = request.path();
  if (path.starts_with(models_path)) {
    std::string_view rest = path.substr(models_path.size());
    const std::string& name = config_.model.name;
    const bool known = rest.starts_with(name) && (rest.size() == name.size() || rest[name.size()] == '/');
    if (!known) {
      respond(error_response(
          404, "this endpoint serves model " + name + ", not " + std::string(rest.substr(0, rest.find('/')))));
      return;
    }
    rest.remove_prefix(name.size());
    if (rest.starts_with("/versions/1") && (rest.size() == 11 || rest[11] == '/')) rest.remove_prefix(11);
    if (rest == "/infer" && request.method == "POST") return enqueue(std::move(request), std::move(respond));
    return handle_model(request, rest, respond);
  }
  auto response = server_response(path, ready(), registry_);
  if (!response)
    response = error_response(404, "no such path: " + std::string(path));
  else if (request.method != "GET")
    response = not_allowed("GET");
  respond(std::move(*response));
}

void EngineServer::handle_model(const net::Request& request, std::string_view rest, net::Responder& respond) {
  const std::string& name = config_.model.name;
  if (rest.starts_with("/versions/")) return respond(error_response(404, "model " + name + " has version 1 only"));
  if (rest == "/infer") return respond(not_allowed("POST"));
  if (!rest.empty() && rest != "/ready")
    return respond(error_response(404, "no such path: " + std::string(request.path())));
  if (request.method != "GET") return respond(not_allowed("GET"));
  if (rest == "/ready") return respond(json_response(ready() ? 200 : 503, api::print_model_ready(name, ready())));
  if (!ready()) return respond(error_response(503, "model " + name + " is loading"));
  respond(json_response(200, api::print_model_metadata(info_)));
}

void EngineServer::enqueue(net::Request request, net::Responder respond) {
  const auto refuse_now = [&](int status, std::string_view why, Counter& counter) {
    counter.add();
    net::Response response = error_response(status, why);
    response.headers.emplace_back("Barrio-Load", "waiting=" + std::to_string(queue_.size()));
    respond(std::move(response));
  };
  auto left = time_left(request);
  if (!left) return refuse_now(400, left.error().text(), metrics_->rejected);
  if (!ready()) return refuse_now(503, "model " + config_.model.name + " is loading", metrics_->failed);
  if (queue_.size() >= config_.queue) return refuse_now(503, "the queue is full", metrics_->overloaded);
  const Time now = reactor_.now();
  auto job = std::make_shared<Job>(Job{std::move(request), std::move(respond), now, std::nullopt});
  if (*left) job->deadline = now + **left;
  if (job->deadline && predicted_answer(load_now(), service_, now) > *job->deadline) {
    return refuse(*job, "cannot be answered in the time that is left", Duration::zero());
  }
  queue_.push_back(std::move(job));
  dispatch();
}

Load EngineServer::load_now() const {
  return {.waiting = queue_.size(), .running = running_, .workers = pool_.workers()};
}

void EngineServer::dispatch() {
  for (size_t worker = 0; worker < free_.size(); ++worker) {
    while (free_[worker] && !queue_.empty()) {
      auto job = std::move(queue_.front());
      queue_.pop_front();
      if (job->respond.client_gone()) continue;
      const Time now = reactor_.fresh_now();
      if (job->deadline && now + service_.expected(now).value_or(Duration::zero()) > *job->deadline) {
        refuse(*job, "its time ran out in the queue", now - job->arrived);
        continue;
      }
      start(worker, std::move(job));
    }
  }
  metrics_->waiting.set(static_cast<double>(queue_.size()));
}

void EngineServer::start(size_t worker, std::shared_ptr<Job> job) {
  free_[worker] = false;
  ++running_;
  auto response = std::make_shared<net::Response>();
  pool_.run(
      worker, [this, worker, job, response] { *response = infer(*models_[worker], job->request); },
      [this, worker, job, response](net::WorkDone ran) {
        free_[worker] = true;
        --running_;
        // Refusals are quick; counting them would make the model look faster than it is.
        if (response->status == 200) service_.add(ran.took, reactor_.now());
        metrics_->of_status(response->status).add();
        metrics_->compute.observe(ran.took);
        answer(*job, std::move(*response), ran.began - job->arrived, ran.took);
        dispatch();
      });
}

void EngineServer::refuse(Job& job, std::string_view why, Duration waited) {
  metrics_->late.add();
  answer(job, error_response(503, why), waited, Duration::zero());
}

void EngineServer::answer(Job& job, net::Response response, Duration waited, Duration computed) {
  metrics_->queue.observe(waited);
  response.headers.emplace_back("Server-Timing",
                                fmt::format("queue;dur={:.3f}, compute;dur={:.3f}", to_ms(waited), to_ms(computed)));
  response.headers.emplace_back("Barrio-Load", "waiting=" + std::to_string(queue_.size()));
  job.respond(std::move(response));
}

}  // namespace barrio::engine
