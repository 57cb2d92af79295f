// The reading side: bytes to requests, deadlines, and what happens between two exchanges.

#include "net/server_connection.h"

#include <sys/epoll.h>

#include <algorithm>

#include "net/http2_server.h"

namespace barrio::net {

namespace {

/// After an early answer, how long and how much is read and dropped, so that a reset does not overtake the answer.
constexpr Duration linger_for = 2s;

constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";

/// RFC 9113 3.4.
constexpr std::string_view http2_preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

}  // namespace

ServerConnection::ServerConnection(ServerCore& core, Welcome& door, int fd, const SocketAddress& peer)
    : core_(core),
      welcome_(door),
      stream_(core.reactor_, *this),
      timer_(core.reactor_, [this] { timed_out(); }),
      device_ip_(peer.ip()),
      parser_({core.limits_.head_bytes, core.limits_.header_fields}) {
  if (core.is_proxy(device_ip_)) phase_ = Phase::proxy;
  first_byte_ = last_read_ = last_sent_ = core.reactor_.now();
  stream_.open(fd, true);
  if (phase_ == Phase::start) welcome();
  set_deadline();
}

ServerConnection::~ServerConnection() {
  closed_ = true;
  if (shaking_hands_) --welcome_.handshakes;
  if (http2_) http2_->closed();
  if (open_) core_.handler_.on_closed(*this, true);
}

bool ServerConnection::may_read() const {
  if (closed_ || pending_begin_ < pending_.size()) return false;
  if (phase_ == Phase::tunnel) return !paused_ && !input_ended_;
  return phase_ != Phase::answer && !(phase_ == Phase::body && (paused_ || ended_));
}

Time ServerConnection::deadline() const {
  if (closed_) return Time::max();
  const ServerLimits& limits = core_.limits_;
  Time due = Time::max();
  if (phase_ == Phase::proxy) due = first_byte_ + limits.head_timeout;
  if (phase_ == Phase::handshake) {
    due = shaking_hands_ ? first_byte_ + limits.handshake_timeout : last_read_ + limits.idle_timeout;
  }
  if (phase_ == Phase::start || phase_ == Phase::head) {
    due = head_begun() ? first_byte_ + limits.head_timeout : last_read_ + limits.idle_timeout;
    if (core_.draining_ && !head_begun()) due = std::max(last_read_, core_.drain_began_) + core_.drain_idle_;
  }
  if (phase_ == Phase::tunnel) due = tunnel_due();
  if (phase_ == Phase::http2) due = http2_->due();
  if (phase_ == Phase::body && !paused_ && !ended_) due = body_due();
  if (phase_ == Phase::linger && stream_.unsent() == 0) due = last_read_ + linger_for;
  if (waits_for_client()) due = std::min(due, last_sent_ + limits.write_timeout);
  return std::min(due, probe_due());
}

void ServerConnection::set_deadline() {
  const Time due = deadline();
  due == Time::max() ? timer_.clear() : timer_.set(due);
}

void ServerConnection::timed_out() {
  const Time now = core_.reactor_.now();
  if (now < deadline()) return set_deadline();  // what moved it has been put off until the end of this turn
  const bool stuck = waits_for_client() && now >= last_sent_ + core_.limits_.write_timeout;
  const bool reading = phase_ == Phase::body || ((phase_ == Phase::start || phase_ == Phase::head) && head_begun());
  if (!stuck && phase_ == Phase::http2) {
    http2_->timed_out(now);
    return advance();
  }
  if (!stuck && now >= probe_due()) {
    probe();
    return advance();
  }
  if (stuck || !reading) {
    if (const auto limit = limit_of_time(stuck)) core_.met(*limit);
    return close();
  }
  refuse(408, "the request took too long to arrive");
  advance();
}

void ServerConnection::on_io(uint32_t events) {
  stream_.note(events);
  if (phase_ == Phase::handshake && !finish_handshake()) return;
  if ((events & EPOLLRDHUP) && client_ended_ == Time::max()) client_ended_ = core_.reactor_.now();
  if (events & EPOLLOUT) flush();
  if (closed_) return;
  if ((events & EPOLLIN) && may_read()) {
    receive();
  } else if ((events & EPOLLERR) || ((events & EPOLLHUP) && phase_ != Phase::tunnel)) {
    return close();  // of a tunnel something may still be unread when both sides have ended
  } else if (events & EPOLLIN) {
    stream_.arm_read(false);  // armed again when there is somewhere to put it
  }
  advance();
}

void ServerConnection::flush() {
  const uint64_t before = stream_.sent();
  if (!stream_.flush()) return close();
  const bool has_room = blocked_ && stream_.unsent() == 0;  // for more of a file, of which nothing is kept
  if (stream_.sent() == before && !has_room) return;
  last_sent_ = core_.reactor_.now();
  if (phase_ == Phase::linger && stream_.unsent() == 0) return linger();
  if (phase_ == Phase::http2) return;  // advance() goes on
  if (!blocked_ || stream_.unsent() > core_.limits_.write_buffer_bytes / 2) return;
  blocked_ = false;
  if (!answering()) return;
  core_.handler_.on_writable(*this);
}

void ServerConnection::receive() {
  std::string_view got;
  std::span<char> room = core_.blocks_.next();
  // What follows the PROXY header is not ours to read if TLS begins there.
  if (phase_ == Phase::proxy && welcome_.tls) room = room.first(proxy_.missing());
  switch (stream_.read(room, got)) {
    case Stream::Got::nothing: return;
    case Stream::Got::broken: return close();
    case Stream::Got::end: return input_ended();
    case Stream::Got::data: break;
  }
  if (phase_ == Phase::linger) return;  // the linger deadline stays where it is
  last_read_ = core_.reactor_.now();
  size_t used = 0;
  consume(got, used);
  if (!closed_) pending_.assign(got.substr(used));
  pending_begin_ = 0;
}

void ServerConnection::input_ended() {
  if (phase_ != Phase::tunnel) return close();  // a request is awaited or incomplete: there is nothing to answer
  input_ended_ = true;
  tunnel_end_ = std::min(tunnel_end_, core_.reactor_.now() + core_.limits_.tunnel_grace);
  stream_.arm_read(false);
  if (!aborted_) core_.handler_.on_tunnel_end(*this);
}

void ServerConnection::consume(std::string_view input, size_t& used) {
  while (used < input.size() && !closed_) {
    const std::string_view rest = input.substr(used);
    switch (phase_) {
      case Phase::proxy: used += take_proxy(rest); break;
      case Phase::handshake: return;
      case Phase::start: used += take_start(rest); break;
      case Phase::head: used += take_head(rest); break;
      case Phase::body:
        if (paused_ || ended_) return;
        used += take_body(rest);
        break;
      case Phase::answer: return;
      case Phase::tunnel:
        if (paused_) return;
        used += take_tunnel(rest);
        break;
      case Phase::http2:
        http2_->receive(rest);
        used = input.size();
        break;
      case Phase::linger: used = input.size(); break;
    }
  }
}

size_t ServerConnection::take_proxy(std::string_view input) {
  const size_t used = proxy_.feed(input);
  if (proxy_.failed()) close();  // not one of our relays: it would not understand an answer either
  if (!proxy_.complete()) return used;
  if (proxy_.source()) device_ip_ = proxy_.source()->ip();
  phase_ = Phase::start;
  welcome();
  return used;
}

/// What turns out not to be the preface is the beginning of a head, and the preface's text says what it was.
size_t ServerConnection::take_start(std::string_view input) {
  if (preface_matched_ == 0) first_byte_ = core_.reactor_.now();
  const std::string_view wanted = http2_preface.substr(preface_matched_);
  const size_t compared = std::min(wanted.size(), input.size());
  size_t same = 0;
  while (same < compared && input[same] == wanted[same]) ++same;
  preface_matched_ += same;
  if (preface_matched_ == http2_preface.size()) {
    if (!speaks("h2")) {
      close();
      return same;
    }
    phase_ = Phase::http2;
    http2_ = std::make_unique<http2::ServerSession>(core_, *this);
    http2_->receive(http2_preface);
  } else if (same < compared) {
    if (!speaks("http/1.1")) {
      close();
      return same;
    }
    phase_ = Phase::head;
    const std::string_view head = http2_preface.substr(0, preface_matched_);
    if (!head.empty()) take_head(head);
  }
  return same;
}

size_t ServerConnection::take_tunnel(std::string_view input) {
  core_.handler_.on_body(*this, input);
  return input.size();
}

size_t ServerConnection::take_head(std::string_view input) {
  if (!parser_.started()) first_byte_ = core_.reactor_.now();
  const size_t used = parser_.feed(input);
  if (parser_.failure().status != 0) {
    refuse(parser_.failure().status, parser_.failure().what);
    return input.size();
  }
  if (parser_.complete()) start_exchange();
  return used;
}

void ServerConnection::start_exchange() {
  const RequestHead& head = parser_.head();
  const uint64_t length = head.content_length.value_or(0);
  if (length > core_.limits_.body_bytes) return refuse(413, "the body is too long");
  body_.reset(parser_.framing(), length);
  body_received_ = 0;
  phase_ = head.has_body ? Phase::body : Phase::answer;
  paused_ = begun_ = ended_ = blocked_ = aborted_ = false;
  probes_ = 0;
  context = nullptr;
  wants_continue_ = head.has_body && parser_.expects_continue();
  keep_alive_ = parser_.keep_alive() && !core_.draining_;
  // Where the body has no bytes there is nothing to wait for. Who asked is told so all the same: botocore, given the
  // answer straight away, takes the next request's answer on this connection for another one of the same status.
  if (!head.has_body && parser_.expects_continue() && !stream_.send({go_on})) return close();
  open_ = true;
  core_.handler_.on_head(*this);
  if (phase_ == Phase::answer && answering()) core_.handler_.on_end(*this);
  continue_request();
}

/// A client that waits for "100 Continue" gets it once the handler is about to read.
void ServerConnection::continue_request() {
  if (!wants_continue_ || paused_ || begun_ || !answering()) return;
  wants_continue_ = false;
  if (!stream_.send({go_on})) close();
}

size_t ServerConnection::take_body(std::string_view input) {
  wants_continue_ = false;
  const auto step = body_.step(input);
  body_received_ += step.piece.size();
  if (body_.failure() != nullptr || body_received_ > core_.limits_.body_bytes) {
    refuse(body_.failure() != nullptr ? 400 : 413,
           body_.failure() != nullptr ? body_.failure() : "the body is too long");
    return input.size();
  }
  if (!step.piece.empty()) {
    core_.handler_.on_body(*this, step.piece);
  }
  if (body_.done()) request_complete();
  return step.consumed;
}

void ServerConnection::request_complete() {
  if (closed_ || phase_ != Phase::body) return;
  phase_ = Phase::answer;
  if (answering() && !body_.trailers().empty()) core_.handler_.on_trailers(*this, body_.trailers());
  if (answering()) core_.handler_.on_end(*this);
}

/// Goes on as far as possible; only with no callback of this connection running.
void ServerConnection::advance() {
  if (phase_ == Phase::http2 && !closed_ && http2_->advance()) linger();
  bool more = true;
  while (more) {
    more = finish_exchange();
    if (closed_ || pending_begin_ == pending_.size()) continue;
    const size_t before = pending_begin_;
    consume(pending_, pending_begin_);
    more = more || pending_begin_ != before;
    if (pending_begin_ < pending_.size()) continue;
    pending_.clear();
    pending_begin_ = 0;
  }
  if (!closed_ && may_read()) stream_.arm_read(true);
  set_deadline();
}

/// True: the exchange was over and something may follow it.
bool ServerConnection::finish_exchange() {
  if (!open_ || !exchange_over()) return false;
  open_ = false;
  core_.handler_.on_closed(*this, aborted_ || !ended_ || stream_.unsent() > 0);
  if (closed_ || phase_ == Phase::linger) return false;
  if (phase_ == Phase::tunnel) {
    close();
    return false;
  }
  // One that was told to keep alive before the drain began may be sending its next request already.
  if (phase_ == Phase::answer && keep_alive_) {
    next_request();
    return true;
  }
  linger();
  return false;
}

bool ServerConnection::exchange_over() {
  if (closed_ || aborted_) return true;
  if (!ended_ || stream_.unsent() > 0) return false;
  if (phase_ != Phase::tunnel) return true;
  if (!std::exchange(output_ended_, true)) stream_.shutdown_write();
  return input_ended_;
}

Time ServerConnection::tunnel_due() const {
  return std::min(std::max(last_read_, last_sent_) + core_.limits_.tunnel_idle_timeout, tunnel_end_);
}

/// With its answer under way a request is one side of a conversation, whose pauses may be long.
Time ServerConnection::body_due() const {
  return begun_ ? std::max(last_read_, last_sent_) + core_.limits_.tunnel_idle_timeout
                : last_read_ + core_.limits_.body_timeout;
}

/// Of a time that is up, but for those that end with 408. None: the connection was to end anyway.
std::optional<ConnectionLimit> ServerConnection::limit_of_time(bool stuck) const {
  if (stuck) return ConnectionLimit::write_time;
  if (phase_ == Phase::linger || core_.draining_ || tunnel_end_ != Time::max()) return std::nullopt;
  if (shaking_hands_) return ConnectionLimit::handshake_time;
  return phase_ == Phase::proxy ? ConnectionLimit::head_time : ConnectionLimit::idle;
}

void ServerConnection::next_request() {
  parser_.reset();
  phase_ = Phase::head;
  last_read_ = core_.reactor_.now();
}

void ServerConnection::refuse(int status, const char* what) {
  core_.met(limit_of_status(status, phase_ != Phase::body ? ConnectionLimit::head_time
                                    : begun_              ? ConnectionLimit::idle
                                                          : ConnectionLimit::body_time));
  if (begun_ && open_) return abort();
  std::string& out = stream_.unsent_text();
  const std::string text = problem_text(status, what);
  const Header type{"Content-Type", problem_type};
  const size_t head_begins = out.size();
  http1::append_response_head(out, status, {&type, 1},
                              {.length = text.size(), .chunked = false, .persistence = http1::Persistence::close});
  drop_probed(head_begins);
  // An answer to HEAD ends with its head (RFC 9112 6.3).
  if (!parser_.complete() || parser_.head().method != "HEAD") out.append(text);
  aborted_ = open_;
  if (!stream_.flush()) return close();
  linger();
}

/// The answer is out or on its way: no more requests, and the peer gets time to read it.
void ServerConnection::linger() {
  phase_ = Phase::linger;
  last_read_ = last_sent_ = core_.reactor_.now();
  if (stream_.unsent() == 0) stream_.shutdown_write();
  stream_.arm_read(true);
}

void ServerConnection::drain() {
  if (phase_ == Phase::http2) return http2_->drain();
  if (phase_ == Phase::tunnel) {
    tunnel_end_ = core_.reactor_.now() + core_.limits_.tunnel_grace;
    return set_deadline();
  }
  if (!begun_) keep_alive_ = false;
  if (phase_ == Phase::handshake) return close();
  if ((phase_ != Phase::start && phase_ != Phase::head) || head_begun() || open_) return;
  core_.drain_idle_ > Duration::zero() ? set_deadline() : close();
}

void ServerConnection::close() {
  if (closed_) return;
  closed_ = true;
  timer_.clear();
  if (shaking_hands_) end_handshake();
  // The bytes that were not sent are what tells an answer in full from a broken one.
  if (ended_ && stream_.unsent() > 0) aborted_ = true;
  stream_.close();
  core_.work_.add(*this);
}

bool ServerConnection::work() {
  if (closed_ && http2_) http2_->closed();
  if (!closed_ && stream_.unsent() > 0 && phase_ != Phase::http2) flush();
  if (!closed_) continue_request();
  advance();
  // One that closed just now is on the list again, and is freed from there: the list must not keep what is gone.
  return closed_ && !scheduled;
}

}  // namespace barrio::net
