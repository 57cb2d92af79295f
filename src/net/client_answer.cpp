// The reading side of a client's connection: readiness, bytes to answers, and back to the pool.

#include <sys/epoll.h>

#include <algorithm>

#include "net/client_connection.h"

namespace barrio::net {

namespace {

/// A server that sends more "100 Continue" and the like than this plays games.
constexpr int most_interim_answers = 8;

}  // namespace

void ClientConnection::on_io(uint32_t events) {
  stream_.note(events);
  if (phase_ == Phase::idle) {
    std::string_view out_of_turn;
    if (stream_.read(core_.scratch_, out_of_turn) == Stream::Got::nothing) return;  // a session ticket, at most
    std::erase(pool_->idle, this);
    return close();
  }
  if (phase_ == Phase::connecting) return established();
  if ((events & EPOLLOUT) && !flush()) return;
  if (phase_ == Phase::tunnel && request_ended_) core_.work_.add(*this);
  if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) == 0) return;
  if (may_read()) {
    receive();
  } else {
    stream_.arm_read(false);  // paused: what has come, an end too, waits in the kernel
  }
}

/// False: the call is over, or the connection is another one now.
bool ClientConnection::receive() {
  std::string_view got;
  switch (stream_.read(core_.scratch_, got)) {
    case Stream::Got::nothing:
      if (!send_broken_) return true;
      lost("the connection broke");
      return false;
    case Stream::Got::broken: lost("the connection broke"); return false;
    case Stream::Got::end: input_ended(); return false;
    case Stream::Got::data: break;
  }
  answered_ = true;
  size_t used = 0;
  if (!consume(got, used)) return false;
  pending_.assign(got.substr(used));
  pending_begin_ = 0;
  if (send_broken_) core_.work_.add(*this);
  return true;
}

void ClientConnection::input_ended() {
  if (phase_ == Phase::tunnel) {
    input_ended_ = true;
    stream_.arm_read(false);
    core_.work_.add(*this);
    handler_->on_tunnel_end();
  } else if (phase_ == Phase::body && parser_.framing() == http1::Framing::until_close) {
    complete(true);
  } else {
    lost(answered_ ? "the server closed in the middle of its answer" : "the server closed without an answer");
  }
}

/// False: the call is over, and this object may already serve another.
bool ClientConnection::consume(std::string_view input, size_t& used) {
  while (used < input.size() && !paused_) {
    if (phase_ == Phase::head) {
      if (!take_head(input, used)) return false;
      continue;
    }
    if (phase_ == Phase::tunnel) {
      const std::string_view piece = input.substr(used);
      used = input.size();
      handler_->on_body(piece);
      if (phase_ == Phase::closed) return false;
      continue;
    }
    const auto step = body_.step(input.substr(used));
    used += step.consumed;
    if (body_.failure() != nullptr) {
      fail({Code::invalid, body_.failure(), pool_->endpoint.address.str()});
      return false;
    }
    if (!step.piece.empty()) {
      handler_->on_body(step.piece);
      if (phase_ == Phase::closed) return false;
    }
    if (body_.done()) return complete(used < input.size());
  }
  return true;
}

bool ClientConnection::take_head(std::string_view input, size_t& used) {
  used += parser_.feed(input.substr(used));
  if (parser_.failure().status != 0) {
    fail({Code::invalid, parser_.failure().what, pool_->endpoint.address.str()});
    return false;
  }
  if (!parser_.complete()) return true;
  const ResponseHead& head = parser_.head();
  if (head.status < 200) {
    if (head.status == 101 && !upgrade_.empty() && same_name(parser_.upgrade(), upgrade_)) return switch_protocol();
    // Any other 101 would change the protocol to one that nobody asked for.
    if (head.status != 101 && ++interim_answers_ <= most_interim_answers) {
      const bool goes_on = head.status == 100;
      parser_.reset(to_head_);
      if (goes_on) handler_->on_continue();
      return phase_ != Phase::closed;
    }
    fail({Code::invalid, "unexpected interim answer", pool_->endpoint.address.str()});
    return false;
  }
  body_.reset(parser_.framing(), head.content_length.value_or(0));
  phase_ = Phase::body;
  handler_->on_head(head);
  if (phase_ == Phase::closed) return false;
  return body_.done() ? complete(used < input.size()) : true;
}

bool ClientConnection::switch_protocol() {
  phase_ = Phase::tunnel;
  request_ended_ = replayable_ = false;
  set_deadline();
  handler_->on_upgraded(parser_.head());
  return phase_ != Phase::closed;
}

/// The answer is complete. Always false: the call is over.
bool ClientConnection::complete(bool leftover) {
  const bool tunnel = phase_ == Phase::tunnel;
  if (!tunnel && !body_.trailers().empty()) {
    handler_->on_trailers(body_.trailers());
    if (phase_ == Phase::closed) return false;
  }
  CallHandler* handler = std::exchange(handler_, nullptr);
  pending_.clear();
  pending_begin_ = 0;
  const bool whole = !tunnel && request_ended_ && stream_.unsent() == 0 && !send_broken_;
  if (!leftover && whole && parser_.keep_alive() && pool_->idle.size() < core_.limits_.idle_per_address) {
    rest();
  } else {
    close();
  }
  handler->on_done();
  return false;
}

void ClientConnection::rest() {
  phase_ = Phase::idle;
  since_ = core_.reactor_.now();
  stream_.arm_read(true);
  pool_->idle.push_back(this);
  set_deadline();
}

}  // namespace barrio::net
