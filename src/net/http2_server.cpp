#include "net/http2_server.h"

#include <algorithm>
#include <utility>

#include "net/server_connection.h"

namespace barrio::net::http2 {

namespace {

/// Streams kept for use by later requests, over all connections of a server.
constexpr size_t most_spare_streams = 256;
/// Between the two GOAWAY of a drain, if the client does not answer the PING between them.
constexpr Duration go_away_after = 1s;
/// After an early answer, how long the rest of the request is read and dropped: curl 7.88 loses the answer where it
/// comes together with RST_STREAM.
constexpr Duration linger_for = 500ms;

SessionLimits session_limits(const ServerLimits& limits) {
  return {.streams = limits.http2.streams,
          .stream_window = limits.http2.stream_window,
          .connection_window = limits.http2.connection_window,
          .head_bytes = limits.head_bytes,
          .header_fields = limits.header_fields,
          .held_bytes = limits.http2.held_bytes,
          .write_buffer_bytes = limits.write_buffer_bytes,
          .resets_per_second = limits.http2.resets_per_second,
          .idle_frames_per_second = limits.http2.idle_frames_per_second};
}

ServerStream& server_stream(Channel& channel) {
  return static_cast<ServerStream&>(channel);
}

}  // namespace

ServerSession::ServerSession(ServerCore& core, ServerConnection& connection)
    : core_(core),
      connection_(connection),
      heads_(core.plain_values_),
      session_(Session::Side::server, core.reactor_, connection.stream_, core.http2_memory_,
               session_limits(core.limits_), *this),
      idle_since_(core.reactor_.now()) {
  look_at(idle_since_ + core.limits_.idle_timeout);
  if (core.draining_) drain();
}

ServerSession::~ServerSession() = default;

void ServerSession::schedule() {
  core_.work_.add(connection_);
}

void ServerSession::receive(std::string_view input) {
  if (!session_.receive(heads_.take(input, core_.http2_room_))) connection_.close();
}

bool ServerSession::advance() {
  if (std::exchange(resumed_, false)) {
    for (Channel* channel : session_.channels()) session_.deliver(*channel);
  }
  if (!send()) {
    connection_.close();
    return false;
  }
  report_closed();
  if (session_.tell_writable()) schedule();
  if (session_.unsent() > 0) look_at(core_.reactor_.now() + core_.limits_.write_timeout);
  if (!session_.over()) return false;
  closed();
  return true;
}

bool ServerSession::send() {
  Stream& socket = connection_.stream_;
  const uint64_t before = socket.sent();
  const bool idle = socket.unsent() == 0;
  const bool sent = session_.pump();
  if (idle || socket.sent() != before) connection_.last_sent_ = core_.reactor_.now();
  return sent;
}

void ServerSession::report_closed() {
  const uint64_t sent = connection_.stream_.sent();
  for (size_t i = 0; i < closing_.size();) {
    ServerStream& stream = *closing_[i];
    const bool waits = stream.ended_ && !stream.aborted_ && stream.ends_at != UINT64_MAX && stream.ends_at > sent;
    if (waits) {
      ++i;
      continue;
    }
    std::swap(closing_[i], closing_.back());
    std::unique_ptr<ServerStream> over = std::move(closing_.back());
    closing_.pop_back();
    report(std::move(over));
  }
}

void ServerSession::report(std::unique_ptr<ServerStream> stream) {
  stream->gone_ = true;
  const bool complete = stream->ended_ && !stream->aborted_ && stream->ends_at <= connection_.stream_.sent();
  if (stream->told_) core_.handler_.on_closed(*stream, !complete);
  stream->context = nullptr;
  if (core_.spare_streams_.size() < most_spare_streams) core_.spare_streams_.push_back(std::move(stream));
}

void ServerSession::closed() {
  for (auto* streams : {&closing_, &streams_}) {
    for (auto& stream : std::exchange(*streams, {})) report(std::move(stream));
  }
}

void ServerSession::drain() {
  if (std::exchange(draining_, true)) return;
  session_.shutdown_notice();
  session_.ping();
  last_go_away_ = core_.reactor_.now() + go_away_after;
  look_at(last_go_away_);
  schedule();
}

void ServerSession::on_ping_answer() {
  if (draining_) last_go_away();
}

void ServerSession::on_limit(ConnectionLimit limit) {
  core_.met(limit);
}

void ServerSession::last_go_away() {
  if (last_go_away_ == Time::max()) return;
  last_go_away_ = Time::max();
  session_.go_away(NGHTTP2_NO_ERROR);
}

void ServerSession::timed_out(Time now) {
  due_ = Time::max();
  if (now >= last_go_away_) last_go_away();
  look_at(last_go_away_);
  for (const auto& stream : streams_) {
    const Time due = stream->due(core_.limits_);
    due <= now ? expire(*stream) : look_at(due);
  }
  if (!streams_.empty()) return;
  const Time idle_until = idle_since_ + core_.limits_.idle_timeout;
  if (idle_until > now) return look_at(idle_until);
  if (!draining_) core_.met(ConnectionLimit::idle);
  session_.go_away(NGHTTP2_NO_ERROR);
}

void ServerSession::expire(ServerStream& stream) {
  if (!stream.head_complete) {
    core_.met(ConnectionLimit::head_time);
    return session_.terminate(NGHTTP2_ENHANCE_YOUR_CALM);
  }
  // RFC 9113 8.1: the answer is complete, and nobody reads the rest of the request.
  if (stream.lingers()) {
    session_.reset(stream, NGHTTP2_NO_ERROR);
    return schedule();
  }
  if (stream.unsent() > 0 || stream.begun_) {
    core_.met(stream.unsent() > 0 ? ConnectionLimit::write_time : ConnectionLimit::idle);
    return stream.refuse_by_reset(NGHTTP2_CANCEL);
  }
  stream.refuse(408, "the request took too long to arrive");
}

Channel& ServerSession::on_begin(int32_t) {
  std::unique_ptr<ServerStream> stream;
  if (core_.spare_streams_.empty()) {
    stream = std::make_unique<ServerStream>();
  } else {
    stream = std::move(core_.spare_streams_.back());
    core_.spare_streams_.pop_back();
  }
  stream->open(*this, core_.reactor_.now());
  stream->slot_ = streams_.size();
  streams_.push_back(std::move(stream));
  look_at(core_.reactor_.now() + core_.limits_.head_timeout);
  return *streams_.back();
}

void ServerSession::on_head(Channel& channel, bool ended) {
  ServerStream& stream = server_stream(channel);
  if (stream.head_too_big) return stream.refuse(431, "the head is too long");
  stream.request_ = read_request(stream.head, ended);
  const http1::Failure& failure = stream.request_.failure;
  if (failure.status != 0) return stream.refuse(failure.status, failure.what);
  const RequestHead& head = stream.request_.head;
  if (head.content_length.value_or(0) > core_.limits_.body_bytes) return stream.refuse(413, "the body is too long");
  if (head.has_body) look_at(core_.reactor_.now() + core_.limits_.body_timeout);
  stream.told_ = true;
  core_.handler_.on_head(stream);
  stream.say_continue();
}

void ServerSession::on_data(Channel& channel, std::string_view piece) {
  ServerStream& stream = server_stream(channel);
  if (!stream.answering()) return;
  stream.body_received_ += piece.size();
  if (stream.body_received_ > core_.limits_.body_bytes) return stream.refuse(413, "the body is too long");
  stream.request_.expects_continue = false;
  if (!piece.empty()) core_.handler_.on_body(stream, piece);
}

void ServerSession::on_ended(Channel& channel) {
  ServerStream& stream = server_stream(channel);
  if (stream.answering() && !stream.trailers.empty()) core_.handler_.on_trailers(stream, stream.trailers.view());
  if (stream.answering()) core_.handler_.on_end(stream);
}

void ServerSession::on_writable(Channel& channel) {
  ServerStream& stream = server_stream(channel);
  if (stream.answering()) core_.handler_.on_writable(stream);
}

void ServerSession::on_early_answer(Channel& channel) {
  session_.drop(channel);
  look_at(core_.reactor_.now() + linger_for);
}

void ServerSession::on_stream_closed(Channel& channel, uint32_t) {
  ServerStream& stream = server_stream(channel);
  stream.gone_ = true;
  session_.drop(stream);
  const size_t slot = stream.slot_;
  closing_.push_back(std::move(streams_[slot]));
  if (slot + 1 != streams_.size()) streams_[slot] = std::move(streams_.back());
  streams_.pop_back();
  if (slot < streams_.size()) streams_[slot]->slot_ = slot;
  if (!streams_.empty()) return;
  idle_since_ = core_.reactor_.now();
  look_at(idle_since_ + core_.limits_.idle_timeout);
}

void ServerStream::open(ServerSession& session, Time now) {
  session_ = &session;
  request_ = {};
  first_byte_ = now;
  body_received_ = 0;
  body_left_ = std::nullopt;
  has_body_ = told_ = begun_ = ended_ = aborted_ = gone_ = false;
  context = nullptr;
}

const std::string& ServerStream::device_ip() const {
  return session_->connection_.device_ip();
}

const TlsInfo* ServerStream::tls() const {
  return session_->connection_.tls();
}

Time ServerStream::due(const ServerLimits& limits) const {
  if (!head_complete) return first_byte_ + limits.head_timeout;
  if (unsent() > 0) return last_progress + limits.write_timeout;
  if (was_reset) return Time::max();
  if (lingers()) return last_progress + linger_for;
  const bool reading = !peer_ended && !paused && !dropped && held_size() == 0 && !ended_;
  if (!reading) return Time::max();
  // With its answer under way it is one side of a conversation, whose pauses may be long.
  return begun_ ? std::max(last_received, last_progress) + limits.tunnel_idle_timeout
                : last_received + limits.body_timeout;
}

void ServerStream::resume() {
  if (gone_) return;
  paused = false;
  last_received = session_->core_.reactor_.now();
  session_->look_at(last_received + session_->core_.limits_.body_timeout);
  session_->resumed_ = true;
  session_->schedule();
  say_continue();
}

/// A client that waits for "100 Continue" gets it once the handler is about to read.
void ServerStream::say_continue() {
  if (!request_.expects_continue || paused || begun_ || !answering()) return;
  request_.expects_continue = false;
  session_->session_.interim(*this, 100);
}

void ServerStream::begin(int status, std::span<const Header> headers, std::optional<uint64_t> length) {
  if (!answering() || begun_) return;
  begun_ = true;
  const bool bodyless = status == 204 || status == 304;
  has_body_ = !bodyless && length != 0U && request_.head.method != "HEAD";
  if (bodyless) length = std::nullopt;
  body_left_ = length;
  session_->session_.answer(*this, status, headers, length, has_body_);
  session_->schedule();
}

bool ServerStream::write(std::string_view piece) {
  if (!answering() || !begun_) return false;
  if (request_.head.method == "HEAD" || piece.empty()) return true;
  if (body_left_ && piece.size() > *body_left_) {
    abort();  // the client would take it for a broken answer, so it had better be one
    return false;
  }
  if (!has_body_) return true;
  if (body_left_) *body_left_ -= piece.size();
  session_->schedule();
  return session_->session_.write(*this, piece);
}

void ServerStream::end(std::span<const Header> last_fields) {
  if (!answering()) return;
  if (!begun_ || (has_body_ && body_left_.value_or(0) > 0)) return abort();
  ended_ = true;
  if (has_body_) session_->session_.end(*this, last_fields);
  session_->schedule();
}

void ServerStream::reply(int status, std::span<const Header> headers, std::string_view body) {
  if (!answering()) return;
  if (begun_) return abort();
  begin(status, headers, body.size());
  if (has_body_) write(body);
  end({});
}

void ServerStream::refuse(int status, std::string_view what) {
  session_->core_.met(limit_of_status(status, ConnectionLimit::body_time));
  if (begun_) return refuse_by_reset(NGHTTP2_CANCEL);
  session_->session_.drop(*this);
  const Header type{"content-type", problem_type};
  reply(status, {&type, 1}, problem_text(status, what));
  aborted_ = told_;
}

void ServerStream::refuse_by_reset(uint32_t error) {
  if (gone_) return;
  aborted_ = true;
  session_->session_.reset(*this, error);
  session_->schedule();
}

void ServerStream::abort() {
  if (!aborted_) refuse_by_reset(NGHTTP2_INTERNAL_ERROR);
}

}  // namespace barrio::net::http2
