#pragma once
// One connection of a client and, while it is busy, the call on it. Owned by its ClientCore; lives on its loop.
// What fails inside an application's call is noted and told from the work list; a closed connection is freed there too.

#include <array>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "net/client.h"
#include "net/http1_body.h"
#include "net/http1_parser.h"
#include "net/http2_memory.h"
#include "net/lazy_timer.h"
#include "net/stream.h"
#include "net/work_list.h"

namespace barrio::net {

class ClientConnection;
class FetchCall;
namespace http2 {
class EndpointCalls;
}

/// All connections to one endpoint.
struct ClientPool {
  ClientPool();
  ~ClientPool();
  /// No connection, and nothing waits for one: nobody would miss it.
  bool unused() const;

  Endpoint endpoint;
  std::string host;                             // for requests without a Host
  std::unique_ptr<http2::EndpointCalls> http2;  // instead of what follows, with Protocol::http2
  std::vector<ClientConnection*> idle;
  size_t connections = 0;
};

/// What the connections of one client share.
class ClientCore {
 public:
  ClientCore(Reactor& reactor, ClientLimits limits);
  ~ClientCore();
  Call& start(const Endpoint& endpoint, const CallStart& start, CallHandler& handler);
  Call& start(const Endpoint& endpoint, const Request& request, Time deadline, CallHandler& handler);
  void fetch(const Endpoint& endpoint, Request request, Time deadline, std::function<void(Result<Response>)> done,
             size_t most);
  size_t endpoints() const { return pools_.size(); }

 private:
  friend class ClientConnection;
  friend class FetchCall;
  struct Hash {
    size_t operator()(const Endpoint& endpoint) const;
  };
  ClientPool& pool_of(const Endpoint& endpoint);
  void drop_unused_pools();
  void remove(ClientConnection& connection);

  Reactor& reactor_;
  const ClientLimits limits_;
  http2::Memory http2_memory_;
  std::unordered_map<Endpoint, ClientPool, Hash> pools_;
  ClientPool* last_pool_ = nullptr;  // found: the next call often goes to the same endpoint
  size_t most_pools_ = 64;           // at which those that are unused are dropped
  WorkList<ClientConnection> work_;
  std::vector<std::unique_ptr<ClientConnection>> connections_;
  std::unordered_set<FetchCall*> fetches_;
  std::array<char, 64 * 1024> scratch_;
};

class ClientConnection final : public IoHandler, public Call {
 public:
  /// Without a pool: a call that is refused.
  ClientConnection(ClientCore& core, ClientPool* pool);
  ~ClientConnection() = default;

  void begin(const CallStart& start, CallHandler& handler);
  void refuse(Error error, CallHandler& handler);
  /// Idle, and not to be used any more: it was made with certificates that have been read again since. Closes it.
  bool outdated();
  /// From the work list. True: closed, to be freed.
  bool work();

  bool write(std::string_view piece) override;
  using Call::end;
  void end(std::span<const Header> trailers) override;
  void pause() override { paused_ = true; }
  void resume() override;
  void cancel() override;
  Duration connect_time() const override { return connect_time_; }

  ClientPool* pool() const { return pool_; }
  bool scheduled = false;  // for WorkList
  size_t index = 0;        // for ClientCore

 private:
  enum class Phase { idle, connecting, head, body, tunnel, closed };

  void on_io(uint32_t events) override;
  void connect();
  void established();
  void timed_out();
  bool receive();
  bool consume(std::string_view input, size_t& used);
  bool take_head(std::string_view input, size_t& used);
  bool complete(bool leftover);
  bool switch_protocol();
  bool advance_tunnel();
  void input_ended();
  void send(std::initializer_list<std::string_view> pieces);
  bool flush();
  void remember(std::string_view sent);
  void lost(const char* what);
  void fail(Error error);
  void close();
  void rest();
  void set_deadline();
  /// Some byte of the request has left.
  bool touched() const { return touched_ || stream_.sent() > sent_before_; }
  bool may_read() const {
    const bool open = phase_ == Phase::head || phase_ == Phase::body || (phase_ == Phase::tunnel && !input_ended_);
    return open && !paused_ && pending_begin_ == pending_.size();
  }

  ClientCore& core_;
  ClientPool* pool_;
  Stream stream_;
  LazyTimer timer_;
  http1::ResponseParser parser_;
  http1::BodyReader body_;
  Phase phase_ = Phase::closed;
  Time since_;          // connecting or idle
  uint64_t loads_ = 0;  // of the endpoint's TlsClient, when it was connected
  std::string pending_;
  size_t pending_begin_ = 0;
  // The call, while handler_ is set.
  CallHandler* handler_ = nullptr;
  Time deadline_;
  Duration connect_time_{};
  std::string replay_;               // what was sent on a pooled connection, while it can be sent again
  bool handler_keeps_body_ = false;  // which is not in replay_
  bool pooled_ = false;
  bool replayable_ = false;
  bool to_head_ = false;
  bool chunked_ = false;
  uint64_t body_left_ = 0;
  bool request_ended_ = false;
  bool send_broken_ = false;
  bool answered_ = false;  // a byte of the answer has come
  bool touched_ = false;   // some byte of the request has left, on a connection before this one
  uint64_t sent_before_ = 0;
  bool blocked_ = false;
  bool paused_ = false;
  int interim_answers_ = 0;
  std::string upgrade_;  // the protocol that was asked for
  // Of a tunnel, which is the last call of its connection.
  bool input_ended_ = false;
  bool output_ended_ = false;
  std::optional<CallError> failure_;
};

}  // namespace barrio::net
