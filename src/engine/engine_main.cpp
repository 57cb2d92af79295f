#include "engine/engine_main.h"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>

#include "base/check.h"
#include "base/log.h"
#include "engine/device_gauges.h"
#include "net/thread_priority.h"

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

/// All of it on one loop.
class EngineProcess {
 public:
  EngineProcess(const EngineOptions& options, Engine::Backends backends)
      : signals_(reactor_, [this] { end(); }),
        engine_(reactor_, std::move(backends), options.engine, registry_),
        gauges_(reactor_, engine_, options.engine.devices, options.accelerators, registry_) {
    if (options.own) own_.emplace(reactor_, engine_, registry_, *options.own, options.replicas.make_decoder);
    if (!options.control.empty()) host_.emplace(reactor_, engine_, registry_, options.replicas, drain_time);
  }

  int run(const std::string& control) {
    const auto bound = own_ ? own_->start([this](const Error&) { give_up(); }) : listen(control);
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
  Result<net::SocketAddress> listen(const std::string& control) {
    TRY(const auto address, net::SocketAddress::parse(control));
    return host_->listen(address);
  }

  void give_up() {
    if (ending_) return;
    exit_code_ = exit_model_failed;
    reactor_.stop();
  }

  void end() {
    if (std::exchange(ending_, true)) return reactor_.stop();
    own_ ? own_->drain() : host_->drain();
    stop_when_idle(reactor_.now() + drain_time);
  }

  void stop_when_idle(Time until) {
    if (idle() || reactor_.now() >= until) return reactor_.stop();
    reactor_.call_after(drain_check, [this, until] { stop_when_idle(until); });
  }

  bool idle() const { return engine_.idle() && (own_ ? own_->idle() : host_->idle()); }

  Registry registry_;
  net::Reactor reactor_;
  EndSignals signals_;  // before any thread
  Engine engine_;
  DeviceGauges gauges_;
  std::optional<HostedReplica> own_;
  std::optional<ReplicaHost> host_;
  int exit_code_ = 0;
  bool ending_ = false;
};

}  // namespace

int run_engine(const EngineOptions& options, Engine::Backends backends) {
  CHECK(options.own.has_value() == options.control.empty());
  EngineProcess process(options, std::move(backends));
  return process.run(options.control);
}

}  // namespace barrio::engine
