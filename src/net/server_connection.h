#pragma once
// One accepted connection: PROXY header (from trusted peers), TLS handshake, then requests, one exchange at a time, or
// the HTTP/2 preface and an http2::ServerSession. Owned by its ServerCore; lives on its loop.
//
// Two rules keep it safe against handlers that answer or abort inside any callback:
//   - what a handler asks for is noted, and on_closed comes only when no callback of this connection is running;
//   - a closed connection is freed from the work list, never from below its own frames.

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "net/http1_body.h"
#include "net/http1_parser.h"
#include "net/http1_writer.h"
#include "net/http2_memory.h"
#include "net/http2_plain_values.h"
#include "net/lazy_timer.h"
#include "net/listener.h"
#include "net/proxy_protocol.h"
#include "net/read_blocks.h"
#include "net/server.h"
#include "net/stream.h"
#include "net/tls.h"
#include "net/work_list.h"

namespace barrio::net {

class ServerConnection;
namespace http2 {
class ServerSession;
class ServerStream;
}  // namespace http2

/// Which limit a refusal with this status is of. `waited`: that of the time for it, where it is 408.
ConnectionLimit limit_of_status(int status, ConnectionLimit waited);

/// How a listener's connections begin, and how many there are: a crowd at one listener shuts no other.
struct Welcome {
  std::shared_ptr<TlsServer> tls = {};
  InClear in_clear = InClear::refused;
  size_t connections = 0;
  size_t handshakes = 0;  // that are not over
};

/// What the connections of one server share.
class ServerCore {
 public:
  ServerCore(Reactor& reactor, ServerLimits limits, ExchangeHandler& handler);
  ~ServerCore();
  Result<SocketAddress> listen(const SocketAddress& address, Welcome welcome, InheritedSockets* inherited);
  void hold();
  void accept();
  std::vector<int> share_listeners();
  void drain(Duration idle);
  size_t connections() const { return connections_.size(); }
  size_t handshakes() const;
  const ConnectionLimitCounts& limits_met() const { return limits_met_; }

 private:
  friend class ServerConnection;
  friend class http2::ServerSession;
  friend class http2::ServerStream;
  /// A listener and what its connections keep a reference to: it stays as long as the server.
  struct Door {
    Welcome welcome;
    std::unique_ptr<Listener> listener = {};
  };

  void accepted(Door& door, int fd, const SocketAddress& peer);
  void set_accepting();
  void count_handshakes(Welcome& welcome, int change);
  void met(ConnectionLimit limit) { ++limits_met_[static_cast<size_t>(limit)]; }
  void remove(ServerConnection& connection);
  bool is_proxy(const std::string& ip) const;

  Reactor& reactor_;
  const ServerLimits limits_;
  ExchangeHandler& handler_;
  bool held_ = false;
  bool draining_ = false;
  Time drain_began_{};
  Duration drain_idle_{};
  std::vector<std::unique_ptr<Door>> doors_;
  ConnectionLimitCounts limits_met_{};
  WorkList<ServerConnection> work_;
  http2::Memory http2_memory_;
  http2::PlainValues plain_values_;
  std::string http2_room_;  // for PlainHeads: at most what was read, with known values plain
  std::vector<std::unique_ptr<http2::ServerStream>> spare_streams_;  // to be used again; bounded
  std::vector<std::unique_ptr<ServerConnection>> connections_;
  ReadBlocks blocks_;  // what one read brought is consumed before the next
};

class ServerConnection final : public IoHandler, public Exchange {
 public:
  ServerConnection(ServerCore& core, Welcome& welcome, int fd, const SocketAddress& peer);
  ~ServerConnection();

  /// From the work list: does what was put off. True: closed, to be freed.
  bool work();
  void drain();
  Welcome& welcomed_by() const { return welcome_; }

  const RequestHead& request() const override { return parser_.head(); }
  const std::string& device_ip() const override { return device_ip_; }
  const TlsInfo* tls() const override { return stream_.tls(); }
  Time first_byte() const override { return first_byte_; }
  std::shared_ptr<const void> take(std::string_view piece) override { return core_.blocks_.take(piece); }
  void pause() override;
  void resume() override;
  void begin(int status, std::span<const Header> headers, std::optional<uint64_t> length) override;
  bool write(std::string_view piece) override;
  bool write_shared(std::string_view piece, FilePlace place, size_t& taken) override;
  using Exchange::end;
  void end(std::span<const Header> trailers) override;
  void upgrade(std::span<const Header> headers) override;
  void reply(int status, std::span<const Header> headers, std::string_view body) override;
  void abort() override;

  bool scheduled = false;  // for WorkList
  size_t index = 0;        // for ServerCore

 private:
  friend class http2::ServerSession;
  /// start: the first bytes, which are those of the HTTP/2 preface or of a head.
  enum class Phase { proxy, handshake, start, head, body, answer, tunnel, http2, linger };
  enum class BodyMode { none, length, chunked, until_close };

  void on_io(uint32_t events) override;
  /// Something is to be sent, and the client has to take it first.
  bool waits_for_client() const { return stream_.unsent() > 0 || (blocked_ && answering()); }
  void timed_out();
  std::optional<ConnectionLimit> limit_of_time(bool stuck) const;
  void welcome();
  void begin_handshake();
  bool begins_in_clear();
  bool finish_handshake();
  void end_handshake();
  bool speaks(std::string_view protocol) const;
  void receive();
  void consume(std::string_view input, size_t& used);
  size_t take_proxy(std::string_view input);
  size_t take_start(std::string_view input);
  size_t take_tunnel(std::string_view input);
  size_t take_head(std::string_view input);
  size_t take_body(std::string_view input);
  void input_ended();
  void start_exchange();
  void continue_request();
  void request_complete();
  void advance();
  bool finish_exchange();
  bool exchange_over();
  Time tunnel_due() const;
  Time body_due() const;
  void next_request();
  void refuse(int status, const char* what);
  bool may_probe() const;
  Time probe_due() const;
  void probe();
  void drop_probed(size_t head_begins);
  void linger();
  void close();
  void flush();
  Time deadline() const;
  void set_deadline();
  bool may_read() const;
  bool head_begun() const { return phase_ == Phase::start ? preface_matched_ > 0 : parser_.started(); }
  bool answering() const { return open_ && !ended_ && !closed_; }

  ServerCore& core_;
  Welcome& welcome_;
  Stream stream_;
  LazyTimer timer_;
  bool shaking_hands_ = false;  // counted in welcome_
  std::string device_ip_;
  ProxyHeaderReader proxy_;
  http1::RequestParser parser_;
  http1::BodyReader body_;
  std::string pending_;  // read, not consumed
  size_t pending_begin_ = 0;
  Phase phase_ = Phase::start;
  size_t preface_matched_ = 0;
  std::unique_ptr<http2::ServerSession> http2_;
  Time first_byte_;
  Time last_read_;
  Time last_sent_;
  uint64_t body_received_ = 0;
  Time client_ended_ = Time::max();  // when it was seen that the client has shut down its side
  // The exchange, while open_.
  bool open_ = false;
  bool paused_ = false;
  bool begun_ = false;
  bool ended_ = false;
  bool blocked_ = false;  // write() said false
  bool aborted_ = false;
  bool wants_continue_ = false;
  int probes_ = 0;
  size_t head_probed_ = 0;  // bytes of the answer's head that have been sent already
  BodyMode mode_ = BodyMode::none;
  uint64_t body_left_ = 0;  // to be written, with BodyMode::length
  bool keep_alive_ = true;
  // Of a tunnel, which is the last exchange of its connection.
  bool input_ended_ = false;
  bool output_ended_ = false;
  Time tunnel_end_ = Time::max();
  bool closed_ = false;
};

}  // namespace barrio::net
