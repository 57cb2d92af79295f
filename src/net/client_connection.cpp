#include "net/client_connection.h"

#include <sys/epoll.h>

#include <algorithm>

#include "base/check.h"
#include "net/dial.h"
#include "net/http1_writer.h"
#include "net/tls.h"

namespace barrio::net {

ClientConnection::ClientConnection(ClientCore& core, ClientPool* pool)
    : core_(core),
      pool_(pool),
      stream_(core.reactor_, *this),
      timer_(core.reactor_, [this] { timed_out(); }),
      parser_({core.limits_.head_bytes, 128}) {}

void ClientConnection::begin(const CallStart& start, CallHandler& handler) {
  CHECK(start.upgrade.empty() || start.length == 0U);
  handler_ = &handler;
  deadline_ = start.deadline;
  pooled_ = replayable_ = phase_ == Phase::idle;
  replay_.clear();
  to_head_ = start.method == "HEAD";
  chunked_ = !start.length;
  body_left_ = start.length.value_or(0);
  request_ended_ = start.length == 0U;
  send_broken_ = answered_ = touched_ = blocked_ = paused_ = false;
  interim_answers_ = 0;
  upgrade_ = start.upgrade;
  connect_time_ = Duration(0);
  sent_before_ = stream_.sent();
  parser_.reset(to_head_);
  if (!pooled_) connect();
  if (phase_ == Phase::closed) return;
  if (pooled_) phase_ = Phase::head;
  http1::append_request_head(stream_.unsent_text(),
                             {.method = start.method,
                              .target = start.target,
                              .host = pool_->host,
                              .length = start.length,
                              .upgrade = start.upgrade,
                              .takes_trailers = start.takes_trailers},
                             start.headers);
  // What waits in chunks is not what the handler keeps.
  handler_keeps_body_ = start.keeps_body && !chunked_;
  remember(stream_.unsent_text());
  core_.work_.add(*this);  // sends it, with what of the body follows at once
  set_deadline();
}

bool ClientConnection::outdated() {
  if (!pool_->endpoint.tls || pool_->endpoint.tls->loads() == loads_) return false;
  close();
  return true;
}

void ClientConnection::refuse(Error error, CallHandler& handler) {
  handler_ = &handler;
  fail(std::move(error));
}

void ClientConnection::connect() {
  since_ = core_.reactor_.now();
  phase_ = Phase::connecting;
  if (pool_->endpoint.tls) loads_ = pool_->endpoint.tls->loads();
  auto dialed = dial(pool_->endpoint.address);
  if (!dialed) return fail(std::move(dialed.error()));
  stream_.open(dialed->fd, dialed->connected, pool_->endpoint.tls ? tls_session(pool_->endpoint) : nullptr);
  sent_before_ = 0;
  if (stream_.ready()) phase_ = Phase::head;
}

void ClientConnection::established() {
  if (!stream_.is_connected()) {
    auto result = dial_result(stream_.fd(), pool_->endpoint.address);
    if (!result) return fail(std::move(result.error()));
    stream_.connected();
  }
  if (const Error* refused = stream_.tls_failure()) return fail(Error(*refused).within(pool_->endpoint.address.str()));
  if (!stream_.ready()) return;
  connect_time_ = core_.reactor_.now() - since_;
  phase_ = Phase::head;
  set_deadline();
  flush();
}

void ClientConnection::remember(std::string_view sent) {
  if (!replayable_) return;
  replayable_ = replay_.size() + sent.size() <= core_.limits_.write_buffer_bytes;
  if (replayable_)
    replay_.append(sent);
  else
    replay_.clear();
}

/// Sends, at the latest at the end of this turn. When the connection turns out broken, an answer that came before the
/// break is still read.
void ClientConnection::send(std::initializer_list<std::string_view> pieces) {
  if (send_broken_) return;
  send_broken_ = !stream_.send_soon(pieces);
  core_.work_.add(*this);
}

/// Sends what is held back and says so to a blocked handler. False: the call is over.
bool ClientConnection::flush() {
  if (send_broken_ || stream_.unsent() == 0) return true;
  if (!stream_.flush()) {
    send_broken_ = true;
    core_.work_.add(*this);
    return true;
  }
  if (!blocked_ || stream_.unsent() > core_.limits_.write_buffer_bytes / 2) return true;
  blocked_ = false;
  handler_->on_writable();
  return phase_ != Phase::closed;
}

bool ClientConnection::write(std::string_view piece) {
  if (handler_ == nullptr || failure_ || piece.empty()) return true;
  if (phase_ == Phase::tunnel) {
    if (!request_ended_) send({piece});
  } else if (request_ended_) {
    return true;
  } else if (chunked_) {
    const http1::ChunkSize size(piece.size());
    for (const std::string_view part : {size.text(), piece, http1::chunk_end}) remember(part);
    send({size.text(), piece, http1::chunk_end});
  } else if (piece.size() > body_left_) {
    fail({Code::invalid, "more body than was announced"});
  } else {
    body_left_ -= piece.size();
    if (!handler_keeps_body_) remember(piece);
    send({piece});
  }
  blocked_ = stream_.unsent() > core_.limits_.write_buffer_bytes;
  return !blocked_;
}

void ClientConnection::end(std::span<const Header> trailers) {
  if (handler_ == nullptr || failure_ || request_ended_) return;
  if (phase_ == Phase::tunnel) {
    request_ended_ = true;
    return core_.work_.add(*this);
  }
  if (!chunked_ && body_left_ > 0) return fail({Code::invalid, "less body than was announced"});
  request_ended_ = true;
  if (!chunked_) return;
  std::string last;
  http1::append_last_chunk(last, trailers);
  remember(last);
  send({last});
}

/// False: both sides of the tunnel have ended, and so has the call.
bool ClientConnection::advance_tunnel() {
  if (!request_ended_ || stream_.unsent() > 0) return true;
  if (!std::exchange(output_ended_, true)) stream_.shutdown_write();
  return !input_ended_ || complete(true);
}

void ClientConnection::resume() {
  if (handler_ == nullptr) return;
  paused_ = false;
  core_.work_.add(*this);
}

void ClientConnection::cancel() {
  if (handler_ == nullptr) return;
  handler_ = nullptr;
  failure_.reset();
  close();
}

void ClientConnection::set_deadline() {
  switch (phase_) {
    case Phase::closed: return timer_.clear();
    case Phase::idle: return timer_.set(since_ + core_.limits_.idle_timeout);
    case Phase::connecting: return timer_.set(std::min(deadline_, since_ + core_.limits_.connect_timeout));
    case Phase::tunnel: return timer_.clear();
    default: return timer_.set(deadline_);
  }
}

void ClientConnection::timed_out() {
  if (phase_ == Phase::idle) {
    std::erase(pool_->idle, this);
    return close();
  }
  const bool connecting = phase_ == Phase::connecting;
  fail({Code::timed_out, connecting ? "no connection in time" : "no answer in time", pool_->endpoint.address.str()});
}

/// The connection is gone. Where the server cannot have seen the request, or closed a pooled connection while it was on
/// its way, it is sent once more.
void ClientConnection::lost(const char* what) {
  const std::string where = pool_->endpoint.address.str();
  if (const Error* broken = stream_.tls_failure(); broken != nullptr && broken->code == Code::denied) {
    return fail(Error(*broken).within(where));
  }
  const auto body = handler_keeps_body_ ? handler_->kept_body() : std::string_view();
  if (!pooled_ || answered_ || !replayable_ || !body) return fail({Code::unavailable, what, where});
  replay_.append(*body);
  touched_ = touched();
  pooled_ = replayable_ = send_broken_ = false;
  stream_.close();
  connect();
  if (phase_ == Phase::closed) return;
  stream_.unsent_text() = std::move(replay_);
  replay_.clear();
  set_deadline();
  core_.work_.add(*this);
}

void ClientConnection::fail(Error error) {
  if (failure_) return;
  failure_ = CallError{std::move(error), touched()};
  close();
}

void ClientConnection::close() {
  phase_ = Phase::closed;
  timer_.clear();
  stream_.close();
  core_.work_.add(*this);
}

bool ClientConnection::work() {
  if (failure_ && handler_ != nullptr) {
    CallHandler* handler = std::exchange(handler_, nullptr);
    handler->on_error(std::move(*failure_));
  }
  if (phase_ == Phase::closed) return true;
  if (phase_ == Phase::idle || phase_ == Phase::connecting) return false;
  if (send_broken_ && !paused_ && !receive()) return false;
  if (!flush()) return false;
  if (!paused_ && pending_begin_ < pending_.size() && !consume(pending_, pending_begin_)) return false;
  if (phase_ == Phase::tunnel && !advance_tunnel()) return false;
  if (may_read()) stream_.arm_read(true);
  return false;
}

}  // namespace barrio::net
