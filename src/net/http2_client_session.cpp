// One HTTP/2 connection of a client.

#include <sys/epoll.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "net/dial.h"
#include "net/http2_client.h"

namespace barrio::net::http2 {

namespace {

/// A server that sends more "100 Continue" and the like than this plays games.
constexpr int most_interim_answers = 8;
constexpr size_t most_fields = 128;

SessionLimits session_limits(const ClientLimits& limits) {
  return {.streams = 0,
          .stream_window = limits.http2.stream_window,
          .connection_window = limits.http2.connection_window,
          .head_bytes = limits.head_bytes,
          .header_fields = most_fields,
          .held_bytes = limits.http2.held_bytes,
          .write_buffer_bytes = limits.write_buffer_bytes};
}

ClientStream& client_stream(Channel& channel) {
  return static_cast<ClientStream&>(channel);
}

}  // namespace

ClientSession::ClientSession(EndpointCalls& calls)
    : calls_(calls),
      socket_(calls.reactor_, *this),
      session_(Session::Side::client, calls.reactor_, socket_, calls.memory_, session_limits(calls.limits_), *this),
      timer_(calls.reactor_, [this] { timed_out(); }),
      since_(calls.reactor_.now()),
      last_heard_(since_),
      idle_since_(since_) {}

void ClientSession::schedule() {
  calls_.session_work_.add(*this);
}

void ClientSession::look_at(Time when) {
  if (when >= looks_at_) return;
  looks_at_ = when;
  timer_.set(when);
}

bool ClientSession::has_room() const {
  const size_t most = std::min<size_t>(calls_.limits_.http2.streams, session_.peer_streams());
  return usable() && session_.channels().size() < most;
}

void ClientSession::connect() {
  look_at(since_ + calls_.limits_.connect_timeout);
  if (calls_.endpoint_.tls) loads_ = calls_.endpoint_.tls->loads();
  auto dialed = dial(calls_.endpoint_.address);
  if (!dialed) return lost(std::move(dialed.error()));
  socket_.open(dialed->fd, dialed->connected, calls_.endpoint_.tls ? tls_session(calls_.endpoint_) : nullptr);
  if (socket_.ready()) established();
  schedule();
}

void ClientSession::heed_refusals() {
  if (connecting_ || closed_ || !calls_.endpoint_.tls) return;
  const TlsClient& tls = *calls_.endpoint_.tls;
  const uint64_t loads = tls.loads();
  if (std::exchange(loads_, loads) == loads || !tls.refuses(socket_.tls()->peer_key)) return;
  draining_ = true;
  schedule();
}

/// False: not there yet, or lost.
bool ClientSession::go_on_connecting() {
  if (!socket_.is_connected()) {
    auto result = dial_result(socket_.fd(), calls_.endpoint_.address);
    if (!result) {
      lost(std::move(result.error()));
      return false;
    }
    socket_.connected();
  }
  if (const Error* refused = socket_.tls_failure()) {
    lost(Error(*refused));
    return false;
  }
  if (!socket_.ready()) return false;
  established();
  return true;
}

void ClientSession::established() {
  connecting_ = false;
  last_heard_ = calls_.reactor_.now();
  for (ClientStream* stream : streams_) stream->connect_time_ = last_heard_ - since_;
  look_at(last_heard_ + calls_.limits_.http2.ping_after);
}

bool ClientSession::attach(ClientStream& stream) {
  if (!session_.request(stream, stream.has_body_)) {
    draining_ = true;
    schedule();
    return false;
  }
  stream.session_ = this;
  stream.heard_before_ = heard_;
  stream.slot_ = streams_.size();
  streams_.push_back(&stream);
  look_at(stream.deadline_);
  if (!connecting_) look_at(last_heard_ + calls_.limits_.http2.ping_after);
  schedule();
  return true;
}

void ClientSession::detach(ClientStream& stream) {
  streams_[stream.slot_] = streams_.back();
  streams_[stream.slot_]->slot_ = stream.slot_;
  streams_.pop_back();
  stream.session_ = nullptr;
  calls_.stream_work_.add(stream);
  sweeps_ = true;
  if (streams_.empty()) idle_since_ = calls_.reactor_.now();
}

bool ClientSession::work() {
  advance();
  return closed_;
}

void ClientSession::on_io(uint32_t events) {
  socket_.note(events);
  if (connecting_) {
    if (!go_on_connecting()) return;
  } else if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) {
    receive();
  }
  advance();
}

void ClientSession::receive() {
  std::string_view got;
  switch (socket_.read(calls_.scratch_, got)) {
    case Stream::Got::nothing: return;
    case Stream::Got::end: return lost({Code::unavailable, "the server closed the connection"});
    case Stream::Got::broken: return broken();
    case Stream::Got::data: break;
  }
  ++heard_;
  pinging_ = false;
  last_heard_ = calls_.reactor_.now();
  if (!session_.receive(got)) lost({Code::invalid, "the server does not speak HTTP/2"});
}

void ClientSession::advance() {
  if (closed_) return;
  if (std::exchange(resumed_, false)) deliver();
  if (!session_.pump()) {
    receive();  // an answer that came before the break
    if (!closed_) broken();
    return;
  }
  if (std::exchange(sweeps_, false)) sweep();
  if (session_.tell_writable()) schedule();
  if (session_.over()) return lost({Code::invalid, "the server broke the HTTP/2 protocol"});
  if (!streams_.empty()) return;
  if (draining_) return close();
  look_at(idle_since_ + calls_.limits_.idle_timeout);
}

void ClientSession::deliver() {
  // No stream leaves `streams_` here: those that are over go in sweep().
  for (size_t i = 0; i < streams_.size(); ++i) session_.deliver(*streams_[i]);
}

/// Lets go of the calls that are over, and gives their room to those that wait.
void ClientSession::sweep() {
  for (size_t i = 0; i < streams_.size();) {
    ClientStream& stream = *streams_[i];
    stream.gone_ && !stream.listening() ? detach(stream) : static_cast<void>(++i);
  }
  sweeps_ = false;
  calls_.place_waiting();
}

void ClientSession::cancelled(ClientStream& stream) {
  stream.gone_ ? session_.drop(stream) : session_.reset(stream, NGHTTP2_CANCEL);
  sweeps_ = true;
  schedule();
}

Channel& ClientSession::on_begin(int32_t) {
  CHECK(false);  // nghttp2 refuses streams that a server opens
}

void ClientSession::on_head(Channel& channel, bool ended) {
  ClientStream& stream = client_stream(channel);
  if (!stream.listening()) return;
  const auto bad = [&](const char* what) { stream.fail({Code::invalid, what, calls_.endpoint_.address.str()}, true); };
  if (stream.head_too_big) return bad("the answer's head is too long");
  const ResponseRead read = read_response(stream.head, ended);
  if (read.failure != nullptr) return bad(read.failure);
  if (read.head.status < 200) {
    if (read.head.status == 101 || ++stream.interim_answers_ > most_interim_answers) {
      return bad("unexpected interim answer");
    }
    const bool goes_on = read.head.status == 100;
    stream.head.clear();
    stream.head_bytes = 0;
    stream.head_complete = false;
    if (goes_on) stream.handler_->on_continue();
    return;
  }
  stream.answered_ = true;
  stream.keep_sent = false;
  stream.handler_->on_head(read.head);
}

void ClientSession::on_data(Channel& channel, std::string_view piece) {
  ClientStream& stream = client_stream(channel);
  if (stream.listening() && !piece.empty()) stream.handler_->on_body(piece);
}

void ClientSession::on_ended(Channel& channel) {
  ClientStream& stream = client_stream(channel);
  if (stream.listening() && !stream.trailers.empty()) stream.handler_->on_trailers(stream.trailers.view());
  if (stream.listening()) complete(stream);
}

void ClientSession::complete(ClientStream& stream) {
  CallHandler* handler = std::exchange(stream.handler_, nullptr);
  // The answer came before all of the request went: the rest of it stays here.
  const bool unsent = !stream.request_ended_ || stream.unsent() > 0;
  if (!stream.gone_ && unsent) session_.reset(stream, NGHTTP2_CANCEL);
  sweeps_ = true;
  schedule();
  handler->on_done();
}

void ClientSession::on_writable(Channel& channel) {
  ClientStream& stream = client_stream(channel);
  if (stream.listening()) stream.handler_->on_writable();
}

void ClientSession::on_stream_closed(Channel& channel, uint32_t error) {
  ClientStream& stream = client_stream(channel);
  stream.gone_ = true;
  sweeps_ = true;
  schedule();
  const bool all_here = stream.head_complete && stream.peer_ended && error == NGHTTP2_NO_ERROR;
  if (!stream.listening() || all_here) return;
  session_.drop(stream);
  if (error == NGHTTP2_REFUSED_STREAM && stream.may_send_again()) {
    detach(stream);
    return stream.send_again(Time{});
  }
  const std::string why = std::string("the server reset the stream: ") + nghttp2_http2_strerror(error);
  stream.fail({Code::unavailable, why, calls_.endpoint_.address.str()}, error != NGHTTP2_REFUSED_STREAM);
}

void ClientSession::on_settings() {
  sweeps_ = true;  // more streams may be allowed now
}

void ClientSession::on_goaway() {
  draining_ = true;
  sweeps_ = true;
}

bool ClientSession::was_sent(const ClientStream& stream) const {
  return stream.head_sent && socket_.sent() > stream.begins_at;
}

/// The connection was there before the call, and has said nothing since: its server has likely closed it long ago.
bool ClientSession::is_stale_for(const ClientStream& stream) const {
  if (connecting_) return false;
  return !was_sent(stream) || (stream.heard_before_ > 0 && stream.heard_before_ == heard_);
}

void ClientSession::lost(Error error) {
  if (closed_) return;
  close();
  if (error.where.empty()) error.where = calls_.endpoint_.address.str();
  for (ClientStream* stream : std::exchange(streams_, {})) {
    if (stream->gone_ && stream->listening()) {
      stream->paused = false;  // all of the answer is here already
      session_.deliver(*stream);
    }
    const bool sent = was_sent(*stream);
    stream->session_ = nullptr;
    if (stream->listening() && stream->may_send_again() && is_stale_for(*stream))
      stream->send_again(calls_.reactor_.now());
    else
      stream->fail(error, sent);
    calls_.stream_work_.add(*stream);
  }
}

void ClientSession::broken() {
  const Error* failure = socket_.tls_failure();
  const bool refused = failure != nullptr && failure->code == Code::denied;
  lost(refused ? Error(*failure) : Error{Code::unavailable, "the connection broke"});
}

void ClientSession::close() {
  if (std::exchange(closed_, true)) return;
  timer_.clear();
  socket_.close();
  schedule();
}

void ClientSession::timed_out() {
  const Time now = calls_.reactor_.now();
  looks_at_ = Time::max();
  if (connecting_ && now >= since_ + calls_.limits_.connect_timeout) {
    return lost({Code::timed_out, "no connection in time"});
  }
  if (connecting_) look_at(since_ + calls_.limits_.connect_timeout);
  expire_streams(now);
  check_alive(now);
  if (!closed_ && streams_.empty() && now >= idle_since_ + calls_.limits_.idle_timeout) {
    session_.go_away(NGHTTP2_NO_ERROR);
    draining_ = true;
  }
  advance();
}

void ClientSession::expire_streams(Time now) {
  for (size_t i = 0; i < streams_.size(); ++i) {
    ClientStream& stream = *streams_[i];
    if (!stream.listening()) continue;
    if (stream.deadline_ > now) {
      look_at(stream.deadline_);
      continue;
    }
    const char* what = connecting_ ? "no connection in time" : "no answer in time";
    stream.fail({Code::timed_out, what, calls_.endpoint_.address.str()}, was_sent(stream));
  }
}

void ClientSession::check_alive(Time now) {
  const Http2ClientLimits& limits = calls_.limits_.http2;
  if (connecting_ || streams_.empty()) return;
  if (pinging_ && now >= ping_sent_ + limits.ping_timeout) {
    return lost({Code::unavailable, "the server does not answer a PING"});
  }
  if (!pinging_ && now >= last_heard_ + limits.ping_after) {
    session_.ping();
    pinging_ = true;
    ping_sent_ = now;
  }
  look_at(pinging_ ? ping_sent_ + limits.ping_timeout : last_heard_ + limits.ping_after);
}

}  // namespace barrio::net::http2
