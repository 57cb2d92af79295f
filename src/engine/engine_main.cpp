#include "engine/engine_main.h"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>

#include "base/log.h"
#include "engine/engine_server.h"
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

/// Ends the loop once the engine has answered everything, or at `until`.
void stop_when_idle(net::Reactor& reactor, const EngineServer& server, Time until) {
  if (server.idle() || reactor.now() >= until) return reactor.stop();
  reactor.call_after(drain_check, [&reactor, &server, until] { stop_when_idle(reactor, server, until); });
}

}  // namespace

int run_engine(const EngineOptions& options, ports::InferenceBackend& backend) {
  const auto address = net::SocketAddress::parse(options.listen);
  if (!address) {
    log_error("engine cannot listen", {{"detail", address.error().text()}});
    return 2;
  }
  Registry registry;
  net::Reactor reactor;
  int exit_code = 0;
  EngineServer* running = nullptr;
  bool ending = false;
  EndSignals signals(reactor, [&] {
    if (std::exchange(ending, true)) return reactor.stop();
    running->drain();
    stop_when_idle(reactor, *running, reactor.now() + drain_time);
  });
  EngineServer server(reactor, backend,
                      {.model = {options.name, options.builtin, options.model_path}, .workers = options.workers},
                      registry, [&](const Error& error) {
                        log_error("model cannot be loaded", {{"model", options.name}, {"detail", error.text()}});
                        exit_code = exit_model_failed;
                        reactor.stop();
                      });
  running = &server;
  const auto bound = server.listen(*address);
  if (!bound) {
    log_error("engine cannot listen", {{"detail", bound.error().text()}});
    return 2;
  }
  log_info("engine listens", {{"model", options.name}, {"address", bound->str()}});
  net::carry_requests();
  reactor.run();
  return exit_code;
}

}  // namespace barrio::engine
