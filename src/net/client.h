#pragma once
// HTTP/1.1 client on a reactor: pooled keep-alive connections per address, TCP and Unix sockets, streaming both ways.
// A call on a stale pooled connection that failed before any byte of an answer came is sent once more on a fresh one,
// if nothing of a streamed body was lost; else the error says whether it was sent.

#include <functional>
#include <memory>

#include "net/endpoint.h"
#include "net/http.h"
#include "net/reactor.h"

namespace barrio::net {

struct ClientLimits {
  size_t head_bytes = 16 * 1024;
  size_t idle_per_address = 32;
  size_t connections_per_address = 256;  // over it: Code::exhausted
  size_t write_buffer_bytes = 256 * 1024;
  Duration connect_timeout = 3s;
  Duration idle_timeout = 30s;
};

struct CallError {
  Error error;        // unavailable, timed_out, invalid (not HTTP), exhausted, cancelled
  bool sent = false;  // false: the server cannot have acted on it
};

/// Told about one call; on_done or on_error is the last, and comes exactly once unless the call is cancelled.
class CallHandler {
 public:
  virtual void on_head(const ResponseHead& head) = 0;
  virtual void on_body(std::string_view piece) = 0;
  virtual void on_done() = 0;
  virtual void on_error(CallError error) = 0;
  virtual void on_writable() = 0;

 protected:
  ~CallHandler() = default;
};

/// A call in flight; dead after on_done, on_error or cancel().
class Call {
 public:
  /// False: over the buffer limit; wait for on_writable.
  virtual bool write(std::string_view piece) = 0;
  virtual void end() = 0;
  virtual void pause() = 0;
  virtual void resume() = 0;
  /// No more callbacks; the connection is closed.
  virtual void cancel() = 0;
  /// Time from the start of the connection to established; zero on a pooled one.
  virtual Duration connect_time() const = 0;

 protected:
  ~Call() = default;
};

struct CallStart {
  std::string_view method = "GET";
  std::string_view target = "/";
  std::span<const Header> headers =
      {};                              // Host is added where missing; Content-Length and Transfer-Encoding always here
  std::optional<uint64_t> length = 0;  // none: chunked; 0: no body
  Time deadline = {};
};

class Client {
 public:
  Client(Reactor& reactor, ClientLimits limits);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  /// Never calls back before it returns.
  Call& start(const Endpoint& endpoint, const CallStart& start, CallHandler& handler);
  /// Whole messages. The body of the answer is limited to `most` bytes (exhausted).
  void fetch(const Endpoint& endpoint, Request request, Time deadline, std::function<void(Result<Response>)> done,
             size_t most = 64 * 1024 * 1024);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace barrio::net
