#include "net/stream_tls.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/check.h"

namespace barrio::net {

namespace {

using Outcome = TlsSession::Outcome;

constexpr size_t most_record = TlsSession::most_record;

/// What is to be sent, in pieces, of which records are cut: small neighbours go into one.
class Pieces {
 public:
  Pieces(std::string_view buffered, std::span<const std::string_view> rest) : first_(buffered), rest_(rest) {
    skip_empty();
  }

  bool empty() const { return first_.empty(); }

  /// The next record's text: as it lies there where one piece fills it or is the last, else copied together.
  std::string_view record(std::span<char, most_record> scratch) const {
    if (first_.size() >= most_record) return first_.substr(0, most_record);
    size_t size = 0;
    std::string_view piece = first_;
    for (size_t next = 0;; ++next) {
      if (size == 0 && only_one_left(next)) return piece;
      const size_t part = std::min(piece.size(), scratch.size() - size);
      std::memcpy(scratch.data() + size, piece.data(), part);
      size += part;
      if (size == scratch.size() || next == rest_.size()) return {scratch.data(), size};
      piece = rest_[next];
    }
  }

  void taken(size_t size) {
    while (size > 0) {
      const size_t part = std::min(size, first_.size());
      first_.remove_prefix(part);
      size -= part;
      skip_empty();
    }
  }

 private:
  bool only_one_left(size_t next) const {
    return std::all_of(rest_.begin() + static_cast<std::ptrdiff_t>(next), rest_.end(),
                       [](std::string_view one) { return one.empty(); });
  }
  void skip_empty() {
    while (first_.empty() && !rest_.empty()) {
      first_ = rest_.front();
      rest_ = rest_.subspan(1);
    }
  }

  std::string_view first_;
  std::span<const std::string_view> rest_;
};

}  // namespace

Stream::Tls::Tls(Stream& stream, std::unique_ptr<TlsSession> session) : stream_(stream), session_(std::move(session)) {}

Stream::Tls::~Tls() {
  stream_.reactor_.cancel(later_);
}

void Stream::Tls::begin() {
  session_->attach(stream_.fd_);
  if (session_->side() == TlsSession::Side::server) return;  // the client speaks first
  shake_hands();
  stream_.arm();
  if (failed_) tell_later();
}

void Stream::Tls::shake_hands() {
  const Outcome outcome = session_->shake_hands();
  shaking_waits_to_write_ = outcome == Outcome::waits_to_write;
  ready_ = outcome == Outcome::done;
  failed_ = outcome == Outcome::broken || outcome == Outcome::ended;
  unread_ = ready_ && session_->holds_input();
  go_on();
}

uint32_t Stream::Tls::interest(uint32_t wanted) const {
  if (failed_) return EPOLLET;
  if (!ready_) return EPOLLIN | (shaking_waits_to_write_ ? EPOLLOUT : 0U);
  if (read_waits_to_write_ || ends_) wanted |= EPOLLOUT;
  // What waits to be read first cannot be sent now, however writable the socket is.
  if (write_waits_to_read_) wanted = (wanted & ~static_cast<uint32_t>(EPOLLOUT)) | EPOLLIN;
  return wanted;
}

void Stream::Tls::on_io(uint32_t events) {
  if (stream_.connected_ && !ready_ && !failed_) {
    shake_hands();
    stream_.arm();
    if (!ready_ && !failed_) return;
    events = EPOLLOUT | (failed_ || unread_ ? EPOLLIN : 0U);
  }
  if (std::exchange(read_waits_to_write_, read_waits_to_write_ && (events & EPOLLOUT) == 0)) events |= EPOLLIN;
  if (std::exchange(write_waits_to_read_, write_waits_to_read_ && (events & EPOLLIN) == 0)) events |= EPOLLOUT;
  if (ends_ && (events & EPOLLOUT) && say_end()) stream_.shutdown_write();
  stream_.handler_.on_io(events);  // which may destroy this
}

void Stream::Tls::note_read(Outcome outcome, bool stopped) {
  read_waits_to_write_ = outcome == Outcome::waits_to_write;
  failed_ = failed_ || outcome == Outcome::broken;
  unread_ = stopped;
  go_on();
}

void Stream::Tls::note_write(Outcome outcome) {
  write_waits_to_read_ = outcome == Outcome::waits_to_read;
}

void Stream::Tls::go_on() {
  if (unread_) tell_later();
}

void Stream::Tls::tell_later() {
  if (later_ == 0) later_ = stream_.reactor_.call_at(stream_.reactor_.now(), [this] { later(); });
}

void Stream::Tls::later() {
  later_ = 0;
  const bool news = failed_ || (unread_ && stream_.want_read_);
  if (news) stream_.handler_.on_io(EPOLLIN | EPOLLOUT);
}

bool Stream::Tls::say_end() {
  if (!ready_ || failed_ || end_said_) return true;
  ends_ = session_->say_end() == Outcome::waits_to_write;
  end_said_ = !ends_;
  if (ends_) stream_.arm();
  return !ends_;
}

void Stream::secure(std::unique_ptr<TlsSession> tls) {
  CHECK(fd_ >= 0 && connected_ && !tls_ && unsent() == 0);
  reactor_.unwatch(fd_, handler_);
  tls_ = std::make_unique<Tls>(*this, std::move(tls));
  armed_ = interest();
  reactor_.watch(fd_, armed_, *tls_);
  tls_->begin();
}

bool Stream::ready() const {
  return connected_ && (!tls_ || tls_->ready());
}

const TlsInfo* Stream::tls() const {
  return tls_ && tls_->ready() ? &tls_->session().info() : nullptr;
}

const Error* Stream::tls_failure() const {
  return tls_ && tls_->session().failure() ? &*tls_->session().failure() : nullptr;
}

Stream::Got Stream::read_secure(std::span<char> into, std::string_view& got) {
  if (tls_->failed()) return Got::broken;
  if (!tls_->ready()) return Got::nothing;
  TlsSession& session = tls_->session();
  size_t size = 0;
  Outcome outcome = Outcome::done;
  do {
    const TlsSession::Moved moved = session.read(into.subspan(size));
    outcome = moved.outcome;
    size += moved.bytes;
  } while (outcome == Outcome::done && size < into.size() && session.holds_input());
  const bool over = outcome == Outcome::ended || outcome == Outcome::broken;
  // An end that comes right behind data is told by the next read.
  tls_->note_read(outcome, outcome == Outcome::done ? session.holds_input() : over && size > 0);
  got = std::string_view(into.data(), size);
  if (size > 0) return Got::data;
  if (outcome == Outcome::ended) return Got::end;
  return outcome == Outcome::broken ? Got::broken : Got::nothing;
}

bool Stream::send_secure(std::span<const std::string_view> pieces) {
  if (!tls_->ready()) {
    keep(pieces, 0);
    return !tls_->failed();
  }
  Pieces left(std::string_view(out_).substr(out_begin_), pieces);
  std::array<char, most_record> scratch;
  size_t taken = 0;
  while (!left.empty()) {
    const TlsSession::Moved moved = tls_->session().write(left.record(scratch));
    tls_->note_write(moved.outcome);
    if (moved.outcome == Outcome::broken || moved.outcome == Outcome::ended) return false;
    if (moved.outcome != Outcome::done) break;
    left.taken(moved.bytes);
    taken += moved.bytes;
  }
  sent_ += taken;
  const size_t from_buffer = std::min(taken, unsent());
  out_begin_ += from_buffer;
  keep(pieces, taken - from_buffer);
  note_sent();
  return true;
}

}  // namespace barrio::net
