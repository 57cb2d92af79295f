#include "engine/hosted_replica.h"

#include <algorithm>

#include "base/log.h"
#include "net/tls_files.h"

namespace barrio::engine {

namespace {

constexpr Duration leave_check = 20ms;
constexpr size_t codec_threads = 1;
constexpr size_t codec_queue = 64;

}  // namespace

void add_pipeline(const InitialPipeline& pipeline, const LoadParameters& like, ReplicaOptions& options) {
  options.pipelines.push_back(pipeline);
  for (const PipelineStep& step : pipeline.spec.steps) {
    LoadParameters parameters = like;
    parameters.backend = to_name(step.model.backend);
    parameters.builtin = step.model.builtin;
    parameters.path = step.model.file;
    options.models.push_back({step_model(pipeline.name, step.name), std::move(parameters)});
  }
}

HostedReplica::HostedReplica(net::Reactor& reactor, Engine& engine, Registry& registry, ReplicaOptions options,
                             const MakeDecoder& make_decoder)
    : reactor_(reactor),
      engine_(engine),
      options_(std::move(options)),
      view_(engine, options_.scope, options_.tenant),
      pipelines_(
          view_, [this] { return reactor_.fresh_now(); }, registry),
      codec_(reactor, codec_threads, codec_queue),
      generation_(options_.generation ? options_.generation(reactor) : nullptr),
      grpc_(reactor, pipelines_, view_, registry, {.rights = options_.repository, .wall = net::system_wall}),
      repository_(reactor, view_, {.rights = options_.repository, .wall = net::system_wall}),
      rest_(reactor, pipelines_, view_, codec_, registry, options_.rest) {
  if (!options_.scope.empty()) engine_.open_scope(options_.scope, registry);
  for (const InitialPipeline& pipeline : options_.pipelines) pipelines_.add(pipeline.name, pipeline.spec);
  std::vector<Front*> fronts = {&grpc_, &repository_};
  if (generation_)
    fronts.push_back(&openai_.emplace(reactor, *generation_, registry, GenerationLimits{}, options_.charge));
  if (options_.streams) {
    if (make_decoder) decoder_ = make_decoder(reactor, static_cast<size_t>(options_.streams->spec.most));
    streams_.emplace(
        reactor, pipelines_, decoder_.get(), registry,
        Streams::Config{
            .app = options_.streams->app, .spec = options_.streams->spec, .hooks = options_.streams->hooks});
    fronts.push_back(&streams_front_.emplace(reactor, *streams_));
  }
  fronts.push_back(&rest_);
  // Each front bounds its own bodies: a stream of gRPC requests is one body that may go on for days.
  door_.emplace(reactor, net::ServerLimits{.body_bytes = UINT64_MAX}, std::move(fronts));
}

HostedReplica::~HostedReplica() {
  reactor_.cancel(timer_);
}

Result<net::SocketAddress> HostedReplica::start(std::function<void(const Error&)> failed) {
  failed_ = std::move(failed);
  TRY(const auto address, net::SocketAddress::parse(options_.listen));
  TRY(auto bound, door_->listen(address));
  loading_ = options_.models.size();
  for (const InitialModel& model : options_.models) load(model);
  return bound;
}

void HostedReplica::load(const InitialModel& model) {
  view_.load(model.name, model.parameters, [this, name = model.name](Result<void> loaded) {
    if (gone_) return;
    if (!loaded) return give_up("model", name, std::move(loaded).error());
    --loading_;
    check_pipelines();
  });
}

/// One whose tensors do not fit its models never will.
void HostedReplica::check_pipelines() {
  for (const InitialPipeline& pipeline : options_.pipelines) {
    auto good = pipelines_.check(pipeline.name);
    if (!good && good.error().code == Code::invalid) give_up("pipeline", pipeline.name, std::move(good).error());
  }
}

/// A tenant reads why: where on the site's disk its file lies is not its business.
void HostedReplica::leave_out_paths(std::string& text) const {
  if (options_.scope.empty()) return;
  for (const InitialModel& model : options_.models) {
    const std::string& path = model.parameters.path;
    for (size_t at = 0; !path.empty() && (at = text.find(path, at)) != std::string::npos;)
      text.replace(at, path.size(), "its file");
  }
}

void HostedReplica::give_up(const std::string& what, const std::string& name, Error error) {
  leave_out_paths(error.what);
  leave_out_paths(error.where);
  error = std::move(error).within(what + " '" + name + "' cannot be served");
  log_error("cannot be served", {{"replica", options_.scope}, {"model", name}, {"detail", error.text()}});
  if (const auto failed = std::exchange(failed_, nullptr)) failed(error);
}

bool HostedReplica::ready() const {
  if (generation_ && !server_seen_)
    server_seen_ = std::ranges::all_of(generation_->models(), &ports::GenerationModel::ready);
  return loading_ == 0 && failed_ && !gone_ && (!generation_ || server_seen_);
}

void HostedReplica::drain() {
  if (streams_) streams_->stop_all();
  door_->drain();
}

bool HostedReplica::idle() const {
  const bool generates = openai_ && !openai_->idle();
  return rest_.idle() && grpc_.idle() && repository_.idle() && pipelines_.in_flight() == 0 && !generates;
}

void HostedReplica::leave(Duration grace, std::function<void()> gone) {
  gone_ = std::move(gone);
  unload_when_idle(reactor_.now() + grace);
}

void HostedReplica::unload_when_idle(Time until) {
  if (idle() || reactor_.now() >= until) return unload_all();
  timer_ = reactor_.call_after(leave_check, [this, until] { unload_when_idle(until); });
}

/// Its scope goes with its last model.
void HostedReplica::unload_all() {
  timer_ = 0;
  door_.reset();
  const auto models = view_.index();
  unloading_ = models.size() + 1;
  for (const ListedModel& model : models) view_.unload(model.name, {}, [this](const Result<void>&) { unloaded(); });
  unloaded();
}

void HostedReplica::unloaded() {
  if (--unloading_ > 0) return;
  timer_ = reactor_.call_after(Duration::zero(), [this] {
    timer_ = 0;
    if (!options_.scope.empty()) engine_.close_scope(options_.scope);
    const auto gone = std::move(gone_);
    gone();
  });
}

}  // namespace barrio::engine
