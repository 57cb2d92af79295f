#pragma once
// HTTP/1.1 and HTTP/2 server on a reactor, in clear or with TLS (net/tls.h): strict parsing, keep-alive, limits,
// back-pressure, PROXY protocol v2 from trusted peers. A connection that begins with the HTTP/2 preface speaks HTTP/2,
// every other one HTTP/1.1. Streaming interface (Exchange) for proxies; whole-message interface (MessageServer) for
// everything else.

#include <functional>
#include <memory>

#include "base/metrics.h"
#include "base/shared_pages.h"
#include "net/address.h"
#include "net/connection_limits.h"
#include "net/http.h"
#include "net/inherited_sockets.h"
#include "net/reactor.h"

namespace barrio::net {

/// Per HTTP/2 connection.
struct Http2Limits {
  uint32_t streams = 128;                    // open at a time; over it: REFUSED_STREAM
  uint32_t stream_window = 1024 * 1024;      // bytes a client may send ahead on one stream: flow control error
  uint32_t connection_window = 4096 * 1024;  // and on all
  size_t held_bytes = 16 * 1024 * 1024;      // held each way for all streams; over it: they wait
  uint32_t resets_per_second = 1000;         // streams that the client resets: ENHANCE_YOUR_CALM
  uint32_t idle_frames_per_second = 1000;    // SETTINGS, PING, PRIORITY, empty DATA: ENHANCE_YOUR_CALM
};

struct ServerLimits {
  size_t head_bytes = 16 * 1024;           // over it: 431
  size_t header_fields = 64;               // over it: 431
  uint64_t body_bytes = 16 * 1024 * 1024;  // over it: 413, before the body is read where the length is known
  size_t connections = 10'000;             // of one listener; over it: not accepted there until one closes
  size_t write_buffer_bytes = 256 * 1024;  // write() answers false above it
  Duration head_timeout = 10s;             // first byte to end of head: 408
  Duration body_timeout = 30s;             // between two pieces of body, until the answer begins: 408
  Duration idle_timeout = 60s;             // kept alive without a request: closed
  Duration write_timeout = 30s;            // no progress: closed
  /// An upgraded connection, or a request whose answer has begun before its end, without a byte either way: closed.
  Duration tunnel_idle_timeout = 5min;
  Duration tunnel_grace = 10s;      // what an upgraded connection gets when the server drains, or its client ends
  Duration handshake_timeout = 5s;  // of TLS: closed
  size_t handshakes = 256;          // of TLS at a time, of one listener; over it: not accepted there
  Http2Limits http2 = {};
  std::vector<std::string> proxy_peers = {};  // IP addresses that must (and alone may) begin with a PROXY v2 header
};

class Exchange;
class TlsServer;
struct TlsInfo;

/// The application's side. All calls come on the reactor's thread. on_closed is always the last call for an exchange.
class ExchangeHandler {
 public:
  /// The head is complete. The handler may answer at once, or read the body first.
  virtual void on_head(Exchange& exchange) = 0;
  virtual void on_body(Exchange& exchange, std::string_view piece) = 0;
  /// The request ends with trailer fields; on_end follows.
  virtual void on_trailers(Exchange& /*exchange*/, std::span<const Header> /*trailers*/) {}
  /// The request is complete.
  virtual void on_end(Exchange& exchange) = 0;
  /// After write() answered false: there is room again.
  virtual void on_writable(Exchange& exchange) = 0;
  /// After upgrade(): the client has shut down its side. What is written still reaches it.
  virtual void on_tunnel_end(Exchange& /*exchange*/) {}
  /// Over: answered in full, or the client is gone (`aborted`; server_leaving.cpp). The exchange is dead afterwards.
  virtual void on_closed(Exchange& exchange, bool aborted) = 0;

 protected:
  ~ExchangeHandler() = default;
};

/// One request and its answer; owned by its connection.
class Exchange {
 public:
  virtual const RequestHead& request() const = 0;
  /// The device: from the PROXY header where there was one, else the socket's peer. Empty for Unix sockets.
  virtual const std::string& device_ip() const = 0;
  /// What was agreed on with the client; null: the connection is in clear.
  virtual const TlsInfo* tls() const = 0;
  /// When the first byte of this request arrived.
  virtual Time first_byte() const = 0;
  /// In on_body: owns the bytes of its piece, or of a part of it, for as long as somebody has what this returns, and a
  /// block of 128 KiB with them. Null: they are gone after the call as ever.
  virtual std::shared_ptr<const void> take(std::string_view /*piece*/) { return nullptr; }
  /// Stop and go on reading the body (back-pressure from where it is forwarded to).
  virtual void pause() = 0;
  virtual void resume() = 0;
  /// Starts the answer. `length` none: chunked. Date, Content-Length, Transfer-Encoding and Connection are added here.
  virtual void begin(int status, std::span<const Header> headers, std::optional<uint64_t> length) = 0;
  /// False: over the buffer limit; wait for on_writable.
  virtual bool write(std::string_view piece) = 0;
  /// The same for bytes that stand in a file, too, and that nobody changes there any more (SharedPages): the kernel
  /// sends them from there where it can. `taken`: how many of them were; if not all, the rest is for a write after
  /// on_writable.
  virtual bool write_shared(std::string_view piece, FilePlace place, size_t& taken);
  /// `trailers` go out where framing and client allow it: on HTTP/2, and in a chunked HTTP/1.1 answer to a client that
  /// said `TE: trailers`. Elsewhere, and for fields that may not be trailers, they are dropped.
  virtual void end(std::span<const Header> trailers) = 0;
  void end() { end({}); }
  /// Instead of an answer, where request().upgrade names a protocol: 101 with these fields. From then on bytes pass as
  /// they are: on_body and write() until on_tunnel_end and end(); limits on bodies do not apply, tunnel_idle_timeout
  /// does.
  virtual void upgrade(std::span<const Header> headers) = 0;
  /// begin + write + end. An unread body is dropped and the connection closed after the answer.
  virtual void reply(int status, std::span<const Header> headers, std::string_view body) = 0;
  /// Closes the connection (HTTP/2: resets the stream) without (the rest of) an answer.
  virtual void abort() = 0;
  /// Free for the handler.
  void* context = nullptr;

 protected:
  ~Exchange() = default;
};

inline bool Exchange::write_shared(std::string_view piece, FilePlace /*place*/, size_t& taken) {
  taken = piece.size();
  return write(piece);
}

/// Whether a listener with TLS also takes clients that speak in clear, told apart by their first byte.
enum class InClear { refused, accepted };

class Server {
 public:
  Server(Reactor& reactor, ServerLimits limits, ExchangeHandler& handler);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  /// Port 0 takes a free one; the address really bound is returned. A socket for this address that the process was
  /// started with is used before a new one is made. Errors: conflict (in use), invalid, unavailable.
  /// With `tls`, what a PROXY header says still comes in clear, before the handshake.
  Result<SocketAddress> listen(const SocketAddress& address, std::shared_ptr<TlsServer> tls = nullptr,
                               InClear in_clear = InClear::refused, InheritedSockets* inherited = nullptr);
  /// New connections wait in the kernel's queue until accept(), also those of later listen().
  void hold();
  void accept();
  /// Its listening descriptors, to be inherited by the process that takes over: the kernel's queue is shared from then
  /// on, and the files of Unix sockets stay when this server ends. They remain this server's.
  std::vector<int> share_listeners();
  /// Stops accepting, lets open exchanges finish, and answers with `Connection: close` from now on. A connection
  /// without a request is closed after `idle`: until then a request that crosses the end on its way is still answered.
  /// HTTP/2 clients get a GOAWAY twice, tunnels tunnel_grace.
  void drain(Duration idle = Duration::zero());
  size_t connections() const;
  /// TLS handshakes that are not over.
  size_t handshakes() const;
  const ConnectionLimitCounts& limits_met() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Answers one Request later, from the reactor's thread, exactly once; does nothing if the client has gone.
/// One that is dropped unanswered answers 500.
class Responder {
 public:
  struct Slot;
  explicit Responder(std::shared_ptr<Slot> slot);
  void operator()(Response response);
  /// Instead: an answer in pieces, its body the first of them, until end(). False: the client has gone, or is so slow
  /// that the buffer is full, and is cut off.
  bool begin(const Response& response);
  bool write(std::string_view piece);
  void end();
  bool client_gone() const;

 private:
  std::shared_ptr<Slot> slot_;
};

using RequestHandler = std::function<void(Request, Responder)>;

class MessageServer {
 public:
  MessageServer(Reactor& reactor, ServerLimits limits, RequestHandler handler);
  ~MessageServer();
  Result<SocketAddress> listen(const SocketAddress& address, std::shared_ptr<TlsServer> tls = nullptr);
  void drain();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace barrio::net
