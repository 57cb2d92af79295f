#include "engine/engine_main.h"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>

#include "base/log.h"
#include "engine/device_gauges.h"
#include "engine/front_door.h"
#include "engine/grpc_front.h"
#include "engine/openai_front.h"
#include "engine/pipeline.h"
#include "engine/repository_front.h"
#include "engine/rest_front.h"
#include "engine/streams_front.h"
#include "net/thread_priority.h"
#include "net/tls_files.h"

namespace barrio::engine {

namespace {

constexpr Duration drain_time = 5s;
constexpr Duration drain_check = 20ms;

/// SIGTERM and SIGINT as events of the loop, for as long as it lives.
class EndSignals final : public net::IoHandler {
 public:
  EndSignals(net::Reactor& reactor, std::function<void()> on_signal)
      : reactor_(reactor), on_signal_(std::move(on_signal)) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    // Before any thread starts, so that all of them inherit it.
    pthread_sigmask(SIG_BLOCK, &set, &before_);
    fd_ = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    reactor_.watch(fd_, EPOLLIN, *this);
  }
  ~EndSignals() {
    reactor_.unwatch(fd_, *this);
    close(fd_);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  EndSignals(const EndSignals&) = delete;
  EndSignals& operator=(const EndSignals&) = delete;

  void on_io(uint32_t) override {
    signalfd_siginfo info;
    while (read(fd_, &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) on_signal_();
  }

 private:
  net::Reactor& reactor_;
  std::function<void()> on_signal_;
  sigset_t before_;
  int fd_ = -1;
};

constexpr size_t codec_threads = 1;
constexpr size_t codec_queue = 64;

/// All of it on one loop.
class EngineProcess {
 public:
  EngineProcess(const EngineOptions& options, Engine::Backends backends)
      : signals_(reactor_, [this] { end(); }),
        engine_(reactor_, std::move(backends), options.engine, registry_),
        gauges_(reactor_, engine_, options.engine.devices, options.accelerators, registry_),
        pipelines_(
            engine_, [this] { return reactor_.fresh_now(); }, registry_),
        codec_(reactor_, codec_threads, codec_queue),
        generation_(options.generation ? options.generation(reactor_) : nullptr),
        grpc_(reactor_, pipelines_, engine_, {.rights = options.repository, .wall = net::system_wall}),
        repository_(reactor_, engine_, {.rights = options.repository, .wall = net::system_wall}),
        rest_(reactor_, pipelines_, engine_, codec_, registry_),
        pipeline_options_(options.pipelines) {
    for (const InitialPipeline& pipeline : options.pipelines) pipelines_.add(pipeline.name, pipeline.spec);
    std::vector<Front*> fronts = {&grpc_, &repository_};
    if (generation_) fronts.push_back(&openai_.emplace(reactor_, *generation_, registry_));
    if (options.streams) fronts.push_back(&take_streams(*options.streams));
    fronts.push_back(&rest_);
    // Each front bounds its own bodies: a stream of gRPC requests is one body that may go on for days.
    door_.emplace(reactor_, net::ServerLimits{.body_bytes = UINT64_MAX}, std::move(fronts));
    for (const InitialModel& model : options.models) load(model);
  }

  int run(const net::SocketAddress& address) {
    const auto bound = door_->listen(address);
    if (!bound) {
      log_error("engine cannot listen", {{"detail", bound.error().text()}});
      return 2;
    }
    log_info("engine listens", {{"address", bound->str()}});
    net::carry_requests();
    // A model that was refused at once has stopped the loop before it began.
    if (exit_code_ == 0) reactor_.run();
    return exit_code_;
  }

 private:
  Front& take_streams(const InitialStreams& wanted) {
    if (wanted.make_decoder) decoder_ = wanted.make_decoder(reactor_);
    streams_.emplace(reactor_, pipelines_, decoder_.get(), registry_,
                     Streams::Config{.app = wanted.app, .spec = wanted.spec});
    return streams_front_.emplace(reactor_, *streams_);
  }

  void load(const InitialModel& model) {
    engine_.load(model.name, model.parameters, [this, name = model.name](Result<void> loaded) {
      if (ending_) return;
      if (loaded) return check_pipelines();
      give_up("model cannot be loaded", name, loaded.error());
    });
  }

  /// One whose tensors do not fit its models never will.
  void check_pipelines() {
    for (const InitialPipeline& pipeline : pipeline_options_) {
      const auto good = pipelines_.check(pipeline.name);
      if (!good && good.error().code == Code::invalid)
        give_up("pipeline cannot be served", pipeline.name, good.error());
    }
  }

  void give_up(std::string_view what, const std::string& name, const Error& error) {
    log_error(what, {{"model", name}, {"detail", error.text()}});
    exit_code_ = exit_model_failed;
    reactor_.stop();
  }

  void end() {
    if (std::exchange(ending_, true)) return reactor_.stop();
    if (streams_) streams_->stop_all();
    door_->drain();
    stop_when_idle(reactor_.now() + drain_time);
  }

  void stop_when_idle(Time until) {
    if (idle() || reactor_.now() >= until) return reactor_.stop();
    reactor_.call_after(drain_check, [this, until] { stop_when_idle(until); });
  }

  bool idle() const {
    const bool generates = openai_ && !openai_->idle();
    return engine_.idle() && rest_.idle() && grpc_.idle() && repository_.idle() && !generates;
  }

  Registry registry_;
  net::Reactor reactor_;
  EndSignals signals_;  // before any thread
  Engine engine_;
  DeviceGauges gauges_;
  Pipelines pipelines_;
  std::unique_ptr<ports::VideoDecoder> decoder_;
  std::optional<Streams> streams_;
  WorkQueue codec_;
  std::unique_ptr<ports::GenerationBackend> generation_;
  GrpcFront grpc_;
  RepositoryFront repository_;
  std::optional<OpenAiFront> openai_;
  RestFront rest_;
  std::optional<StreamsFront> streams_front_;
  std::vector<InitialPipeline> pipeline_options_;
  std::optional<FrontDoor> door_;
  int exit_code_ = 0;
  bool ending_ = false;
};

}  // namespace

int run_engine(const EngineOptions& options, Engine::Backends backends) {
  const auto address = net::SocketAddress::parse(options.listen);
  if (!address) {
    log_error("engine cannot listen", {{"detail", address.error().text()}});
    return 2;
  }
  EngineProcess process(options, std::move(backends));
  return process.run(*address);
}

}  // namespace barrio::engine
