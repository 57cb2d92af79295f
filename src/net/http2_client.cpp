// The calls of an endpoint, and which connection each goes on.

#include "net/http2_client.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "net/fields.h"

namespace barrio::net::http2 {

EndpointCalls::EndpointCalls(Reactor& reactor, const ClientLimits& limits, const Endpoint& endpoint, std::string host,
                             std::span<char> scratch, Memory& memory)
    : reactor_(reactor),
      limits_(limits),
      endpoint_(endpoint),
      host_(std::move(host)),
      scratch_(scratch),
      memory_(memory),
      waiting_timer_(reactor, [this] { waiting_timed_out(); }),
      stream_work_(reactor, [this](ClientStream& stream) { stream_work(stream); }),
      session_work_(reactor, [this](ClientSession& session) {
        if (session.work() && !session.scheduled) remove(session);
      }) {}

EndpointCalls::~EndpointCalls() = default;

Call& EndpointCalls::start(const CallStart& start, CallHandler& handler) {
  if (spare_.empty()) {
    streams_.push_back(std::make_unique<ClientStream>(*this));
    spare_.push_back(streams_.back().get());
  }
  ClientStream& stream = *spare_.back();
  spare_.pop_back();
  stream.open(start, endpoint_.tls ? "https" : "http", host_, handler, reactor_.now());
  if (start.upgrade.empty())
    place(stream);
  else
    stream.fail({Code::unsupported, "an HTTP/2 connection switches to no other protocol"}, false);
  return stream;
}

void EndpointCalls::place(ClientStream& stream) {
  // In turn: a call that has not waited does not overtake one that does.
  if (waiting_.empty() && place_on_connection(stream)) return;
  if (waiting_.size() < limits_.http2.waiting) return wait(stream);
  stream.fail({Code::exhausted, "too many calls wait for " + endpoint_.address.str()}, false);
}

bool EndpointCalls::place_on_connection(ClientStream& stream) {
  ClientSession* best = nullptr;
  size_t usable = 0;
  for (const auto& session : sessions_) {
    session->heed_refusals();
    if (!session->usable() || session->since() < stream.fresh_from_) continue;
    ++usable;
    const bool better = best == nullptr || session->open_streams() < best->open_streams();
    if (session->has_room() && better) best = session.get();
  }
  if (best != nullptr) return best->attach(stream) || place_on_connection(stream);
  if (usable >= limits_.http2.connections || sessions_.size() >= limits_.connections_per_address) return false;
  sessions_.push_back(std::make_unique<ClientSession>(*this));
  ClientSession& fresh = *sessions_.back();
  CHECK(fresh.attach(stream));
  fresh.connect();
  return true;
}

void EndpointCalls::wait(ClientStream& stream) {
  waiting_.push_back(&stream);
  waiting_due_ = std::min(waiting_due_, stream.deadline_);
  waiting_timer_.set(waiting_due_);
}

void EndpointCalls::place_waiting() {
  while (!waiting_.empty() && place_on_connection(*waiting_.front())) waiting_.pop_front();
}

void EndpointCalls::waiting_timed_out() {
  const Time now = reactor_.now();
  waiting_due_ = Time::max();
  for (ClientStream* stream : std::exchange(waiting_, {})) {
    if (stream->deadline_ <= now)
      stream->fail({Code::timed_out, "no answer in time: all streams are taken", endpoint_.address.str()}, false);
    else
      wait(*stream);
  }
}

void EndpointCalls::forget_waiting(ClientStream& stream) {
  std::erase(waiting_, &stream);
}

void EndpointCalls::stream_work(ClientStream& stream) {
  if (std::exchange(stream.again_, false)) return place(stream);
  if (stream.failure_ && stream.handler_ != nullptr) {
    CallHandler* handler = std::exchange(stream.handler_, nullptr);
    handler->on_error(std::move(*stream.failure_));
  }
  if (stream.handler_ == nullptr && stream.session_ == nullptr && !stream.retired_) retire(stream);
}

void EndpointCalls::retire(ClientStream& stream) {
  stream.retired_ = true;
  spare_.push_back(&stream);
}

void EndpointCalls::remove(ClientSession& session) {
  std::erase_if(sessions_, [&](const auto& one) { return one.get() == &session; });
  place_waiting();
}

void ClientStream::open(const CallStart& start, std::string_view scheme, std::string_view host, CallHandler& handler,
                        Time now) {
  Channel::begin(0, now);
  keep_sent = true;
  session_ = nullptr;
  handler_ = &handler;
  deadline_ = start.deadline;
  connect_time_ = Duration::zero();
  has_body_ = start.length != 0U;
  body_left_ = start.length;
  request_ended_ = !has_body_;
  answered_ = gone_ = retired_ = again_ = sent_twice_ = false;
  fresh_from_ = Time{};
  heard_before_ = 0;
  interim_answers_ = 0;
  failure_.reset();
  set_fields(start, scheme, host);
}

void ClientStream::set_fields(const CallStart& start, std::string_view scheme, std::string_view host) {
  out_head.clear();
  out_head.add(":method", start.method);
  out_head.add(":scheme", scheme);
  out_head.add(":authority", find_header(start.headers, Field::host).value_or(host));
  out_head.add(":path", start.target);
  for (const Header& header : start.headers) {
    if (may_send(header) && header.field != Field::host) out_head.add_small(header);
  }
  if (start.takes_trailers) out_head.add("te", "trailers");
  const bool body_expected = start.method != "GET" && start.method != "HEAD" && start.method != "DELETE";
  if (start.length && (*start.length > 0 || body_expected)) {
    out_head.add("content-length", std::to_string(*start.length));
  }
}

/// False: the call has failed.
bool ClientStream::take_length(size_t size) {
  if (!body_left_) return true;
  if (size > *body_left_) {
    fail({Code::invalid, "more body than was announced"}, session_ != nullptr && session_->was_sent(*this));
    return false;
  }
  *body_left_ -= size;
  return true;
}

bool ClientStream::write(std::string_view piece) {
  if (!listening() || request_ended_ || gone_ || piece.empty() || !take_length(piece.size())) return true;
  const size_t most = calls_.limits_.write_buffer_bytes;
  if (answered_ || out.size() + piece.size() > most) keep_sent = false;
  if (session_ != nullptr) {
    session_->schedule();
    return session_->session_.write(*this, piece);
  }
  append(piece);
  out_blocked = out.size() > most;
  return !out_blocked;
}

void ClientStream::end(std::span<const Header> last_fields) {
  if (!listening() || request_ended_) return;
  if (body_left_.value_or(0) > 0) {
    return fail({Code::invalid, "less body than was announced"}, session_ != nullptr && session_->was_sent(*this));
  }
  request_ended_ = true;
  if (session_ != nullptr && !gone_) {
    session_->schedule();
    return session_->session_.end(*this, last_fields);
  }
  each_trailer(last_fields, [this](const Header& header) { out_trailers.add_small(header); });
  out_ended = true;
}

void ClientStream::resume() {
  paused = false;
  if (session_ == nullptr) return;
  session_->resumed_ = true;
  session_->schedule();
}

void ClientStream::cancel() {
  if (handler_ == nullptr) return;
  handler_ = nullptr;
  again_ = false;
  session_ != nullptr ? session_->cancelled(*this) : calls_.forget_waiting(*this);
  calls_.stream_work_.add(*this);
}

void ClientStream::fail(Error error, bool sent) {
  if (!listening()) return;
  failure_ = CallError{std::move(error), sent};
  if (session_ != nullptr) session_->cancelled(*this);
  calls_.stream_work_.add(*this);
}

void ClientStream::send_again(Time fresh_from) {
  sent_twice_ = again_ = true;
  fresh_from_ = fresh_from;
  gone_ = false;
  begin_again(calls_.reactor_.now());
  calls_.stream_work_.add(*this);
}

}  // namespace barrio::net::http2
