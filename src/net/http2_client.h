#pragma once
// HTTP/2 calls: those of one endpoint share a few connections. Private to net/; behind Client.
//
// EndpointCalls owns the connections (ClientSession) and the calls (ClientStream). A call is waiting for room, or on a
// connection, or over. What fails is noted and told from the work list, so that no callback runs inside a call of the
// application.

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "net/client.h"
#include "net/http2_session.h"
#include "net/lazy_timer.h"
#include "net/work_list.h"

namespace barrio::net::http2 {

class ClientSession;
class EndpointCalls;

class ClientStream final : public Call, public Channel {
 public:
  explicit ClientStream(EndpointCalls& calls) : calls_(calls) {}

  bool write(std::string_view piece) override;
  using Call::end;
  void end(std::span<const Header> last_fields) override;
  void pause() override { paused = true; }
  void resume() override;
  void cancel() override;
  Duration connect_time() const override { return connect_time_; }

  bool scheduled = false;  // for WorkList

 private:
  friend class ClientSession;
  friend class EndpointCalls;
  void open(const CallStart& start, std::string_view scheme, std::string_view host, CallHandler& handler, Time now);
  void set_fields(const CallStart& start, std::string_view scheme, std::string_view host);
  void fail(Error error, bool sent);
  void send_again(Time fresh_from);
  bool may_send_again() const { return !answered_ && !sent_twice_ && keep_sent; }
  bool take_length(size_t size);
  bool listening() const { return handler_ != nullptr && !failure_; }

  EndpointCalls& calls_;
  size_t slot_ = 0;                   // in ClientSession::streams_
  ClientSession* session_ = nullptr;  // none: waiting, or over
  CallHandler* handler_ = nullptr;
  Time deadline_;
  Duration connect_time_{};
  bool has_body_ = false;
  std::optional<uint64_t> body_left_;
  bool request_ended_ = false;
  bool answered_ = false;
  bool gone_ = false;  // HTTP/2's stream is closed; what was held of its answer may still wait
  bool retired_ = false;
  bool again_ = false;  // to be sent once more
  bool sent_twice_ = false;
  Time fresh_from_{};  // only on a connection begun since
  uint64_t heard_before_ = 0;
  int interim_answers_ = 0;
  std::optional<CallError> failure_;
};

class ClientSession final : public IoHandler, public SessionHandler {
 public:
  explicit ClientSession(EndpointCalls& calls);

  /// False: no new call can be sent on it.
  bool usable() const { return !closed_ && !draining_; }
  /// The server's key may be refused by now: then no new call is sent on it.
  void heed_refusals();
  bool has_room() const;
  size_t open_streams() const { return streams_.size(); }
  Time since() const { return since_; }
  void connect();
  /// False: no stream is left on this connection, which is not usable any more.
  bool attach(ClientStream& stream);
  /// From the work list. True: closed, to be freed.
  bool work();

  bool scheduled = false;  // for WorkList

 private:
  friend class ClientStream;
  void on_io(uint32_t events) override;
  Channel& on_begin(int32_t id) override;
  void on_head(Channel& channel, bool ended) override;
  void on_data(Channel& channel, std::string_view piece) override;
  void on_ended(Channel& channel) override;
  void on_writable(Channel& channel) override;
  void on_stream_closed(Channel& channel, uint32_t error) override;
  void on_settings() override;
  void on_goaway() override;

  bool go_on_connecting();
  void established();
  void receive();
  void advance();
  void deliver();
  void sweep();
  void complete(ClientStream& stream);
  void cancelled(ClientStream& stream);
  void timed_out();
  void expire_streams(Time now);
  void check_alive(Time now);
  void detach(ClientStream& stream);
  void lost(Error error);
  void broken();
  void close();
  bool is_stale_for(const ClientStream& stream) const;
  bool was_sent(const ClientStream& stream) const;
  void schedule();
  void look_at(Time when);

  EndpointCalls& calls_;
  Stream socket_;
  Session session_;
  LazyTimer timer_;
  std::vector<ClientStream*> streams_;  // on it; also those whose answer is in, but not taken yet
  Time since_;
  uint64_t loads_ = 0;  // of the endpoint's TlsClient, when its refusals were last heeded
  Time last_heard_;
  Time ping_sent_{};
  bool pinging_ = false;
  uint64_t heard_ = 0;  // reads that brought something
  Time idle_since_;
  Time looks_at_ = Time::max();
  bool connecting_ = true;
  bool draining_ = false;
  bool resumed_ = false;
  bool sweeps_ = false;  // some call is over
  bool closed_ = false;
};

/// All HTTP/2 calls to one endpoint.
class EndpointCalls {
 public:
  EndpointCalls(Reactor& reactor, const ClientLimits& limits, const Endpoint& endpoint, std::string host,
                std::span<char> scratch, Memory& memory);
  ~EndpointCalls();
  Call& start(const CallStart& start, CallHandler& handler);
  /// No connection, and every call is over, its callbacks included.
  bool unused() const { return sessions_.empty() && spare_.size() == streams_.size(); }

 private:
  friend class ClientSession;
  friend class ClientStream;
  void place(ClientStream& stream);
  bool place_on_connection(ClientStream& stream);
  void wait(ClientStream& stream);
  void place_waiting();
  void waiting_timed_out();
  void forget_waiting(ClientStream& stream);
  void stream_work(ClientStream& stream);
  void retire(ClientStream& stream);
  void remove(ClientSession& session);

  Reactor& reactor_;
  const ClientLimits& limits_;
  const Endpoint& endpoint_;
  const std::string host_;
  const std::span<char> scratch_;
  Memory& memory_;
  std::vector<std::unique_ptr<ClientStream>> streams_;  // all; those in spare_ too
  std::vector<ClientStream*> spare_;
  std::deque<ClientStream*> waiting_;
  Time waiting_due_ = Time::max();
  LazyTimer waiting_timer_;
  WorkList<ClientStream> stream_work_;
  WorkList<ClientSession> session_work_;
  std::vector<std::unique_ptr<ClientSession>> sessions_;
};

}  // namespace barrio::net::http2
