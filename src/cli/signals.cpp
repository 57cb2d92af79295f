#include "cli/signals.h"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <csignal>

#include "base/check.h"

namespace barrio::cli {

Signals::Signals(net::Reactor& reactor, std::function<void()> stop) : reactor_(reactor), stop_(std::move(stop)) {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGHUP);
  sigaddset(&set, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  fd_ = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  CHECK(fd_ >= 0);
  reactor_.watch(fd_, EPOLLIN, *this);
}

Signals::~Signals() {
  reactor_.unwatch(fd_, *this);
  ::close(fd_);
}

void Signals::on_io(uint32_t) {
  signalfd_siginfo info;
  while (::read(fd_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    if (info.ssi_signo == SIGUSR2) {
      if (upgrade_) upgrade_();
    } else if (info.ssi_signo == SIGHUP && hangup_) {
      hangup_();
    } else {
      stop_();
    }
  }
}

}  // namespace barrio::cli
