#pragma once
// HTTP/1.1 and HTTP/2 client on a reactor: pooled keep-alive connections per endpoint, TCP and Unix sockets, streaming
// both ways. HTTP/2 calls to one endpoint share a few connections. A call on a stale pooled connection that failed
// before any byte of an answer came, and one that an HTTP/2 server says it has not processed, is sent once more on
// another, if nothing of a streamed body was lost; else the error says whether it was sent.

#include <functional>
#include <memory>

#include "net/endpoint.h"
#include "net/http.h"
#include "net/reactor.h"

namespace barrio::net {

struct Http2ClientLimits {
  size_t connections = 2;  // per endpoint, as many calls on each as the server allows
  size_t streams = 1000;   // per connection, whatever the server allows
  size_t waiting = 1024;   // calls per endpoint that wait for a free stream; over it: Code::exhausted
  uint32_t stream_window = 1024 * 1024;
  uint32_t connection_window = 4096 * 1024;
  size_t held_bytes = 16 * 1024 * 1024;  // held each way for all streams of a connection; over it: they wait
  Duration ping_after = 10s;             // nothing came while calls are open: PING
  Duration ping_timeout = 5s;            // and still nothing: the connection is dead
};

struct ClientLimits {
  size_t head_bytes = 16 * 1024;
  size_t idle_per_address = 32;
  size_t connections_per_address = 256;  // over it: Code::exhausted
  size_t write_buffer_bytes = 256 * 1024;
  Duration connect_timeout = 3s;
  Duration idle_timeout = 30s;
  Http2ClientLimits http2 = {};
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
  /// The answer ends with trailer fields; on_done follows.
  virtual void on_trailers(std::span<const Header> /*trailers*/) {}
  virtual void on_done() = 0;
  virtual void on_error(CallError error) = 0;
  virtual void on_writable() = 0;
  /// The server has said "100 Continue": who asked it to (Expect, among the headers) sends the body now.
  virtual void on_continue() {}
  /// Only where CallStart::upgrade asked for it, instead of on_head: bytes pass as they are from now on. The deadline
  /// is over: who keeps a tunnel bounds its life. on_done comes when both sides have ended.
  virtual void on_upgraded(const ResponseHead& /*head*/) {}
  /// The server has shut down its side of the tunnel. What is written still reaches it.
  virtual void on_tunnel_end() {}
  /// All that was written of the body, where CallStart::keeps_body promised to have it; none: not any more. Asked for
  /// when the request is sent once more.
  virtual std::optional<std::string_view> kept_body() const { return std::nullopt; }

 protected:
  ~CallHandler() = default;
};

/// A call in flight; dead after on_done, on_error or cancel().
class Call {
 public:
  /// False: over the buffer limit; wait for on_writable.
  virtual bool write(std::string_view piece) = 0;
  /// `trailers` go out in a chunked or HTTP/2 body; elsewhere, and fields that may not be trailers, they are dropped.
  virtual void end(std::span<const Header> trailers) = 0;
  void end() { end({}); }
  virtual void pause() = 0;
  virtual void resume() = 0;
  /// No more callbacks; the connection is closed (HTTP/2: the stream is reset).
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
  std::string_view upgrade = {};  // HTTP/1.1 and no body: asks to switch to this protocol
  bool takes_trailers = false;    // says TE: trailers
  bool keeps_body = false;        // the handler does, so the client need not; see CallHandler::kept_body
};

class Client {
 public:
  Client(Reactor& reactor, ClientLimits limits);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  /// Never calls back before it returns.
  Call& start(const Endpoint& endpoint, const CallStart& start, CallHandler& handler);
  /// Sends the whole request. As above.
  Call& start(const Endpoint& endpoint, const Request& request, Time deadline, CallHandler& handler);
  /// Whole messages. The body of the answer is limited to `most` bytes (exhausted).
  void fetch(const Endpoint& endpoint, Request request, Time deadline, std::function<void(Result<Response>)> done,
             size_t most = 64 * 1024 * 1024);
  /// That are remembered: those in use, and as many that are not, or a few dozen.
  size_t endpoints() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace barrio::net
