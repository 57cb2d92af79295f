#pragma once
// One HTTP/2 connection's protocol, the same for both sides: frames by nghttp2, and around it what it leaves to its
// user: bodies that wait (for the application, or for the peer's window), windows that open only as bytes are taken,
// bounds on all of that, and a peer that floods. Owned by a connection; lives on its loop.
//
// Inside receive() and pump() nghttp2 calls back; neither may be called from there. Everything else may.

#include <nghttp2/nghttp2.h>

#include <memory>
#include <string>
#include <vector>

#include "net/connection_limits.h"
#include "net/http2_fields.h"
#include "net/http2_memory.h"
#include "net/reactor.h"
#include "net/stream.h"

namespace barrio::net::http2 {

/// What both sides keep of one stream. Used again for other streams; its buffers stay.
struct Channel {
  int32_t id = 0;
  size_t index = 0;  // in Session::channels()

  // Coming in.
  FieldBlock head;
  FieldBlock trailers;
  bool head_complete = false;
  bool head_too_big = false;
  size_t head_bytes = 0;
  bool peer_ended = false;
  bool end_told = false;
  bool paused = false;   // what comes is held
  bool dropped = false;  // nobody listens any more
  bool was_reset = false;
  std::string held;
  size_t held_begin = 0;
  Time last_received;

  // Going out.
  std::string out;  // waits for the peer's window and the socket
  size_t out_begin = 0;
  bool keep_sent = false;  // what was sent stays in `out`, so that it can be sent again
  bool out_ended = false;
  bool out_deferred = false;  // nghttp2 asks no more until told that there is something
  bool out_blocked = false;   // the application was told to wait
  FieldBlock out_head;        // both stay as they are until they are sent: nghttp2 does not copy them
  FieldBlock out_trailers;
  Time last_progress;
  uint64_t begins_at = 0;         // where in the bytes of the connection the head begins; with head_sent
  uint64_t ends_at = UINT64_MAX;  // and where the stream's last frame ended
  bool head_sent = false;

  size_t unsent() const { return out.size() - out_begin; }
  size_t held_size() const { return held.size() - held_begin; }
  void begin(int32_t stream_id, Time now);
  /// The same request once more, for another stream: what goes out stays, from its beginning.
  void begin_again(Time now);
  void append(std::string_view piece);
  void begin_input();
};

/// The side's own part.
class SessionHandler {
 public:
  /// The peer opens a stream (only told to servers).
  virtual Channel& on_begin(int32_t id) = 0;
  /// A head is complete; `ended`: nothing follows it.
  virtual void on_head(Channel& channel, bool ended) = 0;
  virtual void on_data(Channel& channel, std::string_view piece) = 0;
  /// Head, body and trailers are in.
  virtual void on_ended(Channel& channel) = 0;
  virtual void on_writable(Channel& channel) = 0;
  /// The last byte of an answer has gone to the socket before the request was complete.
  virtual void on_early_answer(Channel& /*channel*/) {}
  /// The stream is over, and no longer among the channels. What is held of it stays: deliver() or drop() it.
  virtual void on_stream_closed(Channel& channel, uint32_t error) = 0;
  virtual void on_settings() {}
  virtual void on_goaway() {}
  virtual void on_ping_answer() {}
  /// The peer has met this limit; what follows from it is seen to here.
  virtual void on_limit(ConnectionLimit /*limit*/) {}

 protected:
  ~SessionHandler() = default;
};

struct SessionLimits {
  uint32_t streams = 128;  // that the peer may open
  uint32_t stream_window = 1024 * 1024;
  uint32_t connection_window = 4096 * 1024;
  size_t head_bytes = 16 * 1024;
  size_t header_fields = 64;
  size_t held_bytes = 16 * 1024 * 1024;
  size_t write_buffer_bytes = 256 * 1024;
  uint32_t resets_per_second = 1000;
  uint32_t idle_frames_per_second = 1000;
};

class Session {
 public:
  enum class Side { server, client };
  Session(Side side, Reactor& reactor, Stream& socket, Memory& memory, const SessionLimits& limits,
          SessionHandler& handler);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// False: the connection must be closed at once.
  bool receive(std::string_view input);
  /// Sends what there is, up to the socket's buffer bound. False: the connection is broken.
  bool pump();
  /// Tells applications that were blocked and no longer are; not from inside a callback. True: one was told.
  bool tell_writable();
  /// Neither side will say more.
  bool over() const;
  std::span<Channel* const> channels() const { return channels_; }

  // Coming in.
  /// After a pause: hands out what was held.
  void deliver(Channel& channel);
  /// Nobody listens: what is held and what comes is dropped.
  void drop(Channel& channel);

  // Going out. The channel's `out` is filled by write().
  void answer(Channel& channel, int status, std::span<const Header> headers, std::optional<uint64_t> length,
              bool has_body);
  void interim(Channel& channel, int status);
  /// With the fields of its out_head, pseudo-header fields first. False: no stream is left on this connection.
  bool request(Channel& channel, bool has_body);
  /// False: over a limit; on_writable comes.
  bool write(Channel& channel, std::string_view piece);
  void end(Channel& channel, std::span<const Header> trailers);
  void reset(Channel& channel, uint32_t error);
  void ping();
  /// Announces the end: the peer opens no more streams once it has heard.
  void shutdown_notice();
  void go_away(uint32_t error);
  /// The same, and no stream is finished.
  void terminate(uint32_t error);

  uint32_t peer_streams() const;  // that we may open
  size_t unsent() const { return unsent_; }

 private:
  friend struct Callbacks;
  struct PerSecond {
    Time since{};
    uint32_t count = 0;
    bool over(Time now, uint32_t limit);
  };

  bool fill_socket();
  void adopt(Channel& channel);
  Channel* find(int32_t id) const;
  int begin_head(const nghttp2_frame& frame);
  void field(Channel& channel, std::string_view name, std::string_view value);
  void trailer(Channel& channel, std::string_view name, std::string_view value);
  void frame_received(const nghttp2_frame& frame);
  /// `last`: of the stream's last frame.
  void data_received(int32_t id, std::string_view piece, bool last);
  void count_idle_frame();
  /// The peer floods: the connection ends.
  void flooded(ConnectionLimit limit);
  void finish_input(Channel& channel);
  void release_held(size_t size);
  ssize_t next_piece(Channel& channel, size_t most, uint32_t& flags);
  int send_data(Channel& channel, std::string_view frame_head, size_t size);
  void frame_begins(const nghttp2_frame& frame);
  void frame_sent(const nghttp2_frame& frame);
  void frame_not_sent(const nghttp2_frame& frame);
  void wake(Channel& channel);
  void stream_closed(int32_t id, uint32_t error);
  void submit_trailers(Channel& channel);
  void hand_over_head(const FieldBlock& block);
  void hand_over(const FieldBlock& block, bool remember_all);
  uint64_t position() const { return socket_.sent() + socket_.unsent(); }
  size_t room_to_resume() const { return limits_.write_buffer_bytes / 2; }

  const Side side_;
  Reactor& reactor_;
  Stream& socket_;
  const SessionLimits limits_;
  SessionHandler& handler_;
  nghttp2_session* session_ = nullptr;
  std::vector<Channel*> channels_;
  Channel* reading_head_ = nullptr;   // whose fields come now: no other frame comes between them
  mutable Channel* found_ = nullptr;  // by the last find(): most frames are of the stream of the one before
  std::vector<nghttp2_nv> fields_;    // of one head, while it is handed over
  uint64_t heads_ = 0;                // sent
  size_t held_ = 0;                   // received, over all streams
  size_t taken_ = 0;                  // in this receive(), and not given back to the connection's window
  size_t window_owed_ = 0;            // of the connection: not given back while too much is held
  size_t unsent_ = 0;                 // over all streams
  size_t blocked_ = 0;
  bool held_back_ = false;  // something could not be sent for the bound on the socket's buffer
  PerSecond resets_;
  PerSecond idle_frames_;
};

}  // namespace barrio::net::http2
