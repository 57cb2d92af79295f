#pragma once
// A new binary in place of a running one, without a moment in which nobody listens. The running process starts its
// successor with its listening sockets (systemd's protocol, net/inherited_sockets.h) and one end of a pipe; the
// successor says on it when it can serve; only then does the predecessor stop accepting. A successor that ends or stays
// silent changes nothing: the predecessor goes on.

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/reactor.h"

namespace barrio::cli {

/// How this process was started: what its successor is started with. The program is found anew, so that a file that
/// was replaced since is the new one.
struct OwnCommand {
  std::string program;
  std::vector<std::string> arguments;  // the first is the program's name
};
/// Call at the start, while the program's path still means what runs.
OwnCommand own_command();

/// The predecessor's side.
class Successor final : public net::IoHandler {
 public:
  /// Called once, with an error if it will not serve.
  using Told = std::function<void(Result<void>)>;

  /// Errors: unavailable, exhausted (no process, no descriptors).
  static Result<std::unique_ptr<Successor>> start(net::Reactor& reactor, const OwnCommand& command,
                                                  const std::vector<int>& listeners, Duration patience, Told told);
  ~Successor();
  Successor(const Successor&) = delete;
  Successor& operator=(const Successor&) = delete;
  pid_t pid() const { return pid_; }
  void on_io(uint32_t events) override;

 private:
  Successor(net::Reactor& reactor, pid_t pid, int pipe, Duration patience, Told told);
  void end(Result<void> result);

  net::Reactor& reactor_;
  pid_t pid_;
  int pipe_;
  net::TimerId timer_;
  Told told_;
};

/// The successor's side: the pipe to whoever serves until now.
class Predecessor {
 public:
  /// None: this process was started afresh. Takes BARRIO_READY_FD out of the environment.
  static Predecessor from_environment();
  ~Predecessor();
  Predecessor(Predecessor&& other) noexcept;
  Predecessor& operator=(Predecessor&&) = delete;
  bool present() const { return pipe_ >= 0; }
  /// It may stop now.
  void say_ready();

 private:
  explicit Predecessor(int pipe) : pipe_(pipe) {}
  int pipe_;
};

/// Tells systemd that this process serves and is the service's main one (sd_notify(3)); nothing without NOTIFY_SOCKET.
void notify_systemd();

}  // namespace barrio::cli
