#include "engine/replica_host.h"

#include <sys/stat.h>

#include <algorithm>
#include <cmath>

#include "base/log.h"

namespace barrio::engine {

namespace {

constexpr std::string_view replicas_path = "/replicas";
constexpr Bytes least_held = mib(64);
constexpr Bytes most_held = mib(512);

net::Response json_body(int status, const Json& body) {
  return {status, {{"Content-Type", "application/json"}}, print_json(body)};
}

template <class T>
Result<T> body_of(const net::Request& request) {
  TRY(const auto json, parse_json(request.body));
  return from_json<T>(json);
}

int64_t whole_us(Duration time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time).count();
}

net::Response refusal(int status, const std::string& why) {
  return json_body(status, JsonObject{{"error", why}});
}

/// On the device that its accelerator is called, where the engine has one of that name; else on the engine's first.
LoadParameters parameters_of(const EngineOrder& asked, const Engine& engine) {
  const Resources& resources = asked.order.resources;
  LoadParameters parameters{.memory = resources.memory};
  if (engine.device(resources.accelerator) != nullptr) {
    parameters.device = resources.accelerator;
  } else {
    parameters.instances = static_cast<size_t>(std::max(1.0, std::ceil(resources.cores)));
  }
  return parameters;
}

}  // namespace

struct ReplicaHost::Hosted {
  int64_t generation = 0;
  Registry registry;  // before what counts in it
  std::optional<HostedReplica> replica;
  std::string failure;
  bool leaving = false;

  EngineReplicaState state() const {
    if (leaving) return EngineReplicaState::leaving;
    if (!failure.empty()) return EngineReplicaState::failed;
    return replica->ready() ? EngineReplicaState::ready : EngineReplicaState::loading;
  }
};

ReplicaHost::ReplicaHost(net::Reactor& reactor, Engine& engine, Registry& registry, ReplicaMeans means, Duration grace)
    : reactor_(reactor),
      engine_(engine),
      registry_(registry),
      means_(std::move(means)),
      grace_(grace),
      server_(reactor, {}, [this](const net::Request& request, net::Responder respond) { respond(answer(request)); }) {}

ReplicaHost::~ReplicaHost() = default;

Result<net::SocketAddress> ReplicaHost::listen(const net::SocketAddress& address) {
  // The socket's file has its mode from its first moment on.
  const mode_t before = umask(S_IXUSR | S_IRWXG | S_IRWXO);
  auto bound = server_.listen(address);
  umask(before);
  return bound;
}

Result<ReplicaOptions> ReplicaHost::options_of(const EngineOrder& asked) const {
  const ReplicaOrder& order = asked.order;
  ReplicaOptions options{.listen = asked.listen, .scope = order.id.str(), .tenant = order.app.tenant.str()};
  options.rest.held_bytes = static_cast<size_t>(std::clamp(order.resources.memory, least_held, most_held).count());
  const std::string name = order.app.name.str();
  LoadParameters parameters = parameters_of(asked, engine_);
  if (order.pipeline) {
    add_pipeline({name, *order.pipeline}, parameters, options);
  } else {
    parameters.backend = to_name(order.model.backend);
    parameters.builtin = order.model.builtin;
    if (order.model.builtin.empty()) parameters.path = asked.path;
    options.models.push_back({name, parameters});
  }
  if (order.stream) options.streams = {.app = name, .spec = *order.stream};
  TRY_DO(use_server(order, options));
  return options;
}

/// Models of a server come from the one that stands for the replica's accelerator, and nothing else runs there.
Result<void> ReplicaHost::use_server(const ReplicaOrder& order, ReplicaOptions& options) const {
  const std::string& accelerator = order.resources.accelerator;
  const DeviceSpec* const device = engine_.device(accelerator);
  const std::string at = device == nullptr ? "" : device->backend;
  for (const ModelSource& model : models_of(order.model, order.pipeline)) {
    if (model.is_at_server() && at != to_name(model.backend)) {
      return fail(Code::not_found, std::string("the engine of this site knows no model server of the backend ") +
                                       to_name(model.backend) + " by the accelerator '" + accelerator + "'");
    }
    if (!model.is_at_server() && !at.empty())
      return fail(Code::invalid, "the accelerator '" + accelerator + "' is a model server: it runs no model files");
  }
  if (at.empty()) return {};
  if (order.model.backend != Backend::openai) {
    for (InitialModel& model : options.models) model.parameters.builtin = device->server;
    return {};
  }
  if (!means_.find_generation) return fail(Code::unsupported, "this engine serves no text models");
  TRY(options.generation, means_.find_generation(order.app.name.str(), device->server));
  options.models.clear();  // nothing is loaded here
  return {};
}

Result<void> ReplicaHost::put(const EngineOrder& asked) {
  const ReplicaId id = asked.order.id;
  if (const auto found = hosted_.find(id); found != hosted_.end()) {
    const Hosted& present = *found->second;
    if (present.generation == asked.order.generation && !present.leaving) return {};
    return fail(Code::conflict, "generation " + std::to_string(present.generation) + " of it is still here", id.str());
  }
  TRY(ReplicaOptions options, options_of(asked));
  auto& hosted = hosted_[id];
  hosted = std::make_unique<Hosted>();
  hosted->generation = asked.order.generation;
  if (options.streams) options.streams->hooks = hooks_of(asked.order.app);
  options.charge = charge_of(asked.order.app);
  HostedReplica& replica =
      hosted->replica.emplace(reactor_, engine_, hosted->registry, std::move(options), means_.make_decoder);
  log_info("replica starts", {{"replica", id.str()}, {"generation", std::to_string(hosted->generation)}});
  const auto bound = replica.start([raw = hosted.get()](const Error& error) { raw->failure = error.text(); });
  if (!bound) hosted->failure = bound.error().text();
  return {};
}

StreamHooks ReplicaHost::hooks_of(const AppKey& app) {
  StreamHooks hooks;
  hooks.rests = [this, tenant = app.tenant] { return resting_.contains(tenant); };
  if (means_.usage == nullptr) return hooks;
  hooks.analysed = [this, app](Duration run) {
    means_.usage->add(app, {.served = {.compute_us = whole_us(run), .frames = 1}});
  };
  return hooks;
}

ChargeTokens ReplicaHost::charge_of(const AppKey& app) const {
  if (means_.usage == nullptr) return {};
  return [usage = means_.usage, app](ports::Tokens more) {
    usage->add(app,
               {.served = {.tokens_in = static_cast<int64_t>(more.in), .tokens_out = static_cast<int64_t>(more.out)}});
  };
}

bool ReplicaHost::remove(const ReplicaId& id) {
  const auto found = hosted_.find(id);
  if (found == hosted_.end()) return false;
  Hosted& hosted = *found->second;
  if (std::exchange(hosted.leaving, true)) return true;
  log_info("replica leaves", {{"replica", id.str()}});
  hosted.replica->drain();
  hosted.replica->leave(grace_, [this, id] {
    log_info("replica has left", {{"replica", id.str()}});
    hosted_.erase(id);
  });
  return true;
}

EngineReplicas ReplicaHost::list() const {
  EngineReplicas all;
  for (const auto& [id, hosted] : hosted_) {
    all.replicas.push_back({id, hosted->generation, hosted->state(), hosted->failure});
  }
  return all;
}

void ReplicaHost::drain() {
  server_.drain();
  for (const auto& [id, hosted] : hosted_) {
    if (!hosted->leaving) hosted->replica->drain();
  }
}

bool ReplicaHost::idle() const {
  return std::ranges::all_of(hosted_, [](const auto& one) { return one.second->replica->idle(); });
}

net::Response ReplicaHost::answer(const net::Request& request) {
  if (request.target == "/metrics") return {200, {{"Content-Type", "text/plain; version=0.0.4"}}, registry_.text()};
  if (request.target == replicas_path && request.method == "GET") return json_body(200, to_json(list()));
  if (request.target == "/usage" && means_.usage != nullptr) return answer_usage(request);
  const std::string_view target = request.target;
  if (!target.starts_with("/replicas/")) return refusal(404, "there is no such path");
  const auto id = ReplicaId::parse(target.substr(replicas_path.size() + 1));
  if (!id) return refusal(400, id.error().text());
  return answer_for(request, *id);
}

net::Response ReplicaHost::answer_usage(const net::Request& request) {
  if (request.method != "POST") return refusal(405, "this path takes POST");
  const auto question = body_of<EngineUsageQuestion>(request);
  if (!question) return refusal(400, question.error().text());
  resting_ = {question->resting.begin(), question->resting.end()};
  return json_body(200, to_json(EngineUsageAnswer{means_.usage->cut(question->journaled)}));
}

net::Response ReplicaHost::answer_for(const net::Request& request, const ReplicaId& id) {
  if (request.method == "DELETE") return {remove(id) ? 202 : 204, {}, ""};
  if (request.method != "PUT") return refusal(405, "this path takes PUT and DELETE");
  const auto asked = body_of<EngineOrder>(request);
  if (!asked) return refusal(400, asked.error().text());
  if (asked->order.id != id) return refusal(400, "order.id: is not the path's");
  const auto done = put(*asked);
  if (!done) return refusal(done.error().code == Code::conflict ? 409 : 400, done.error().text());
  return {202, {}, ""};
}

}  // namespace barrio::engine
