// `barrio top`: the network as it is now, again every second.

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "cli/actions.h"
#include "cli/top_view.h"

namespace barrio::cli {

namespace {

constexpr int period_ms = 1000;

/// A terminal that gives keys one by one and a screen of its own, until the end of this object. On anything else than
/// a terminal it only waits.
class Terminal {
 public:
  Terminal() : on_terminal_(::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1) {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, signal);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    signals_ = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (!on_terminal_) return;
    ::tcgetattr(STDIN_FILENO, &before_);
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    std::fputs("\033[?1049h\033[?25l", stdout);
  }
  ~Terminal() {
    if (signals_ >= 0) ::close(signals_);
    if (!on_terminal_) return;
    std::fputs("\033[?25h\033[?1049l", stdout);
    std::fflush(stdout);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  size_t rows() const {
    winsize size{};
    if (!on_terminal_ || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return 0;
    return size.ws_row;
  }
  void draw(const std::string& text) const {
    if (on_terminal_) std::fputs("\033[H\033[J", stdout);
    std::fputs(text.c_str(), stdout);
    if (on_terminal_) std::fputs("q quit  s sort  t tenant", stdout);
    std::fflush(stdout);
  }
  /// The key that was pressed, 'q' for a signal, 0 for none in time.
  char wait(int ms) const {
    pollfd watched[2] = {{signals_, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    if (::poll(watched, on_terminal_ ? 2 : 1, ms) <= 0) return 0;
    if (watched[0].revents != 0) return 'q';
    char key = 0;
    return ::read(STDIN_FILENO, &key, 1) == 1 ? key : 'q';
  }

 private:
  const bool on_terminal_;
  int signals_ = -1;
  termios before_{};
};

std::string next_tenant(const std::set<std::string>& tenants, const std::string& present) {
  const auto next = tenants.upper_bound(present);
  return next == tenants.end() ? "" : *next;
}

class Top {
 public:
  Top(ControlClient& control, Output output) : control_(control), output_(output) {}

  Result<void> refresh() {
    TRY(live_, control_.get("/live"));
    TRY(apps_, control_.list("/apps", "apps"));
    return {};
  }
  std::string frame(size_t rows) {
    options_.rows = rows > 1 ? rows - 1 : 0;  // the last line is for the keys
    const TopView view = top_view(live_, apps_, options_);
    return output_ == Output::json ? print_json(to_json(view)) + "\n" : top_text(view, options_);
  }
  void press(char key) {
    if (key == 's') options_.sort = next_sort(options_.sort);
    if (key == 't') options_.tenant = next_tenant(top_tenants(live_, apps_), options_.tenant);
  }

 private:
  ControlClient& control_;
  const Output output_;
  TopOptions options_;
  Json live_;
  Json apps_;
};

}  // namespace

Result<void> show_top(Session& session, const TopCommand& command) {
  TRY(auto control, session.control(Speaker::operating));
  Top top(control, session.global.output);
  TRY_DO(top.refresh());
  if (command.once) {
    std::fputs(top.frame(0).c_str(), stdout);
    return {};
  }
  const Terminal screen;
  while (true) {
    screen.draw(top.frame(screen.rows()));
    const char key = screen.wait(period_ms);
    if (key == 'q') return {};
    top.press(key);
    if (key == 0) TRY_DO(top.refresh());
  }
}

}  // namespace barrio::cli
