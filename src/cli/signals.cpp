#include "cli/signals.h"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <csignal>

#include "base/check.h"

namespace barrio::cli {

StopSignals::StopSignals(net::Reactor& reactor, std::function<void()> stop, std::function<void()> hangup)
    : reactor_(reactor), stop_(std::move(stop)), hangup_(std::move(hangup)) {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  if (hangup_) sigaddset(&set, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  fd_ = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  CHECK(fd_ >= 0);
  reactor_.watch(fd_, EPOLLIN, *this);
}

StopSignals::~StopSignals() {
  reactor_.unwatch(fd_, *this);
  ::close(fd_);
}

void StopSignals::on_io(uint32_t) {
  signalfd_siginfo info;
  while (::read(fd_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    info.ssi_signo == SIGHUP ? hangup_() : stop_();
  }
}

}  // namespace barrio::cli
