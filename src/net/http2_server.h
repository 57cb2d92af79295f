#pragma once
// HTTP/2 on an accepted connection: its streams are exchanges. Owned by the ServerConnection, which has the socket and
// the timer; lives on its loop. The same two rules keep it safe as there: what a handler asks for is noted, and
// on_closed comes only from advance(), when no callback of this connection is running.

#include <memory>
#include <vector>

#include "net/http2_plain_values.h"
#include "net/http2_session.h"
#include "net/server.h"

namespace barrio::net {

class ServerConnection;
class ServerCore;

namespace http2 {

class ServerSession;

/// One request and its answer. Used again for other ones, of other connections too.
class ServerStream final : public Exchange, public Channel {
 public:
  void open(ServerSession& session, Time now);

  const RequestHead& request() const override { return request_.head; }
  const std::string& device_ip() const override;
  const TlsInfo* tls() const override;
  Time first_byte() const override { return first_byte_; }
  void pause() override { paused = true; }
  void resume() override;
  void begin(int status, std::span<const Header> headers, std::optional<uint64_t> length) override;
  bool write(std::string_view piece) override;
  using Exchange::end;
  void end(std::span<const Header> last_fields) override;
  void upgrade(std::span<const Header>) override { abort(); }
  void reply(int status, std::span<const Header> headers, std::string_view body) override;
  void abort() override;

 private:
  friend class ServerSession;
  /// Answered by the connection itself; a handler that knows the exchange sees it aborted.
  void refuse(int status, std::string_view what);
  void refuse_by_reset(uint32_t error);
  void say_continue();
  /// Answered in full, while the rest of the request is read and dropped.
  bool lingers() const { return ended_ && ends_at != UINT64_MAX && !peer_ended; }
  bool answering() const { return !ended_ && !aborted_ && !gone_; }
  Time due(const ServerLimits& limits) const;

  ServerSession* session_ = nullptr;
  size_t slot_ = 0;  // in ServerSession::streams_
  RequestRead request_;
  Time first_byte_;
  uint64_t body_received_ = 0;
  std::optional<uint64_t> body_left_;  // to be written, where the length was announced
  bool has_body_ = false;              // of the answer
  bool told_ = false;                  // the handler knows it
  bool begun_ = false;
  bool ended_ = false;
  bool aborted_ = false;
  bool gone_ = false;  // the stream is closed
};

class ServerSession final : public SessionHandler {
 public:
  ServerSession(ServerCore& core, ServerConnection& connection);
  ~ServerSession();

  void receive(std::string_view input);
  /// Goes on as far as possible. True: the connection is over, once what is unsent is sent.
  bool advance();
  /// The connection is closed: so are its exchanges.
  void closed();
  void drain();
  void timed_out(Time now);
  /// Not later than anything here has to be looked at.
  Time due() const { return due_; }

 private:
  friend class ServerStream;
  Channel& on_begin(int32_t id) override;
  void on_head(Channel& channel, bool ended) override;
  void on_data(Channel& channel, std::string_view piece) override;
  void on_ended(Channel& channel) override;
  void on_writable(Channel& channel) override;
  void on_early_answer(Channel& channel) override;
  void on_stream_closed(Channel& channel, uint32_t error) override;
  void on_ping_answer() override;
  void on_limit(ConnectionLimit limit) override;

  bool send();
  void report_closed();
  void report(std::unique_ptr<ServerStream> stream);
  void expire(ServerStream& stream);
  void last_go_away();
  void schedule();
  void look_at(Time when) { due_ = std::min(due_, when); }

  ServerCore& core_;
  ServerConnection& connection_;
  PlainHeads heads_;
  Session session_;
  std::vector<std::unique_ptr<ServerStream>> streams_;
  std::vector<std::unique_ptr<ServerStream>> closing_;  // to be reported, once the socket has their last byte
  Time due_ = Time::max();
  Time idle_since_;
  Time last_go_away_ = Time::max();  // when it is due, while draining
  bool draining_ = false;
  bool resumed_ = false;  // some stream was
};

}  // namespace http2
}  // namespace barrio::net
