#include "net/stream.h"

#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/check.h"
#include "net/stream_tls.h"

namespace barrio::net {

namespace {

constexpr size_t most_pieces = 7;
/// Up to so many bytes, one copy and send() cost less than what the kernel does for sendmsg().
constexpr size_t most_copied = 4096;
/// A buffer that once had to hold more than this is given back when it is empty.
constexpr size_t kept_capacity = 512 * 1024;

}  // namespace

Stream::Stream(Reactor& reactor, IoHandler& handler) : reactor_(reactor), handler_(handler) {}

Stream::~Stream() {
  close();
}

void Stream::open(int fd, bool connected, std::unique_ptr<TlsSession> tls) {
  CHECK(fd_ < 0 && fd >= 0);
  fd_ = fd;
  connected_ = connected;
  want_read_ = connected;
  full_ = ends_ = false;
  sent_ = 0;
  if (tls) tls_ = std::make_unique<Tls>(*this, std::move(tls));
  armed_ = connected ? interest() : static_cast<uint32_t>(EPOLLOUT);
  reactor_.watch(fd_, armed_, watcher());
  if (tls_ && connected) tls_->begin();
}

void Stream::connected() {
  connected_ = true;
  want_read_ = true;
  if (tls_) tls_->begin();
  arm();
}

IoHandler& Stream::watcher() {
  if (tls_) return *tls_;
  return handler_;
}

void Stream::close() {
  if (fd_ < 0) return;
  reactor_.unwatch(fd_, watcher());
  tls_.reset();
  ::close(fd_);
  fd_ = -1;
  connected_ = false;
  out_.clear();
  out_begin_ = 0;
}

Stream::Got Stream::read(std::span<char> into, std::string_view& got) {
  if (tls_) return read_secure(into, got);
  const ssize_t size = ::recv(fd_, into.data(), into.size(), 0);
  if (size > 0) {
    got = std::string_view(into.data(), static_cast<size_t>(size));
    // Setting what is set already makes the kernel look again.
    if (got.size() == into.size() || ends_) reactor_.change(fd_, armed_, handler_);
    return Got::data;
  }
  if (size == 0) return Got::end;
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? Got::nothing : Got::broken;
}

void Stream::note(uint32_t events) {
  ends_ = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
}

Stream::Got Stream::peek(unsigned char& byte) {
  const ssize_t size = ::recv(fd_, &byte, 1, MSG_PEEK);
  if (size == 1) return Got::data;
  if (size == 0) return Got::end;
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? Got::nothing : Got::broken;
}

bool Stream::send(std::initializer_list<std::string_view> pieces) {
  CHECK(pieces.size() <= most_pieces);
  if (fd_ < 0) return false;
  if (!connected_) {
    keep({pieces.begin(), pieces.size()}, 0);
    return true;
  }
  if (tls_) return send_secure({pieces.begin(), pieces.size()});
  if (pieces.size() == 0) return unsent() == 0 || send_kept();
  std::array<iovec, most_pieces + 1> parts{};
  size_t count = 0;
  size_t total = unsent();
  if (total > 0) parts[count++] = {out_.data() + out_begin_, total};
  for (const std::string_view piece : pieces) {
    if (piece.empty()) continue;
    parts[count++] = {const_cast<char*>(piece.data()), piece.size()};
    total += piece.size();
  }
  if (total == 0) return true;
  if (count > 1 && total <= most_copied) {
    keep({pieces.begin(), pieces.size()}, 0);
    return send_kept();
  }
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = count;
  const ssize_t result = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
  if (result < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) return false;
  const size_t taken = result < 0 ? 0 : static_cast<size_t>(result);
  sent_ += taken;
  const size_t from_buffer = std::min(taken, unsent());
  out_begin_ += from_buffer;
  keep({pieces.begin(), pieces.size()}, taken - from_buffer);
  note_sent();
  return true;
}

bool Stream::send_soon(std::initializer_list<std::string_view> pieces) {
  size_t total = unsent();
  for (const std::string_view piece : pieces) total += piece.size();
  if (total > most_copied || fd_ < 0) return send(pieces);
  keep({pieces.begin(), pieces.size()}, 0);
  return true;
}

bool Stream::send_file(FilePlace place, size_t size, size_t& taken) {
  taken = 0;
  if (fd_ < 0) return false;
  CHECK(connected_ && !tls_);
  if (unsent() > 0 && !send_kept(MSG_MORE)) return false;
  if (unsent() > 0) return true;
  while (taken < size) {
    auto at = static_cast<off_t>(place.offset + taken);
    const ssize_t sent = ::sendfile(fd_, place.fd, &at, size - taken);
    if (sent > 0) taken += static_cast<size_t>(sent);
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (sent == 0 || (sent < 0 && errno != EINTR)) return false;
  }
  sent_ += taken;
  full_ = taken < size;
  arm();
  return true;
}

bool Stream::send_kept(int more) {
  const ssize_t result = ::send(fd_, out_.data() + out_begin_, unsent(), MSG_NOSIGNAL | more);
  if (result < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) return false;
  const size_t taken = result < 0 ? 0 : static_cast<size_t>(result);
  sent_ += taken;
  out_begin_ += taken;
  keep({}, 0);
  note_sent();
  return true;
}

void Stream::keep(std::span<const std::string_view> pieces, size_t skip) {
  if (out_begin_ == out_.size()) {
    out_.clear();
    out_begin_ = 0;
    if (out_.capacity() > kept_capacity) out_.shrink_to_fit();
  } else if (out_begin_ > 64 * 1024 && out_begin_ > out_.size() / 2) {
    out_.erase(0, out_begin_);
    out_begin_ = 0;
  }
  for (const std::string_view piece : pieces) {
    const size_t skipped = std::min(skip, piece.size());
    skip -= skipped;
    out_.append(piece.substr(skipped));
  }
}

void Stream::arm_read(bool on) {
  want_read_ = on;
  if (fd_ < 0 || !connected_) return;
  if (tls_ && on) tls_->go_on();
  arm();
}

/// In clear by edge: what was told and read is not looked at once more by each wait of the loop, and the peer's end,
/// errors and hang-ups, which are told to somebody who does not read, too, are so once. With TLS input may wait in
/// OpenSSL's buffer or in the socket, so that a read does not tell which: by level, while somebody reads.
uint32_t Stream::interest() const {
  uint32_t wanted = full_ ? static_cast<uint32_t>(EPOLLOUT) : 0U;
  if (tls_) {
    wanted |= want_read_ ? static_cast<uint32_t>(EPOLLIN) : static_cast<uint32_t>(EPOLLET | EPOLLRDHUP);
    return connected_ ? tls_->interest(wanted) : wanted;
  }
  return wanted | EPOLLET | EPOLLRDHUP | (want_read_ ? static_cast<uint32_t>(EPOLLIN) : 0U);
}

void Stream::note_sent() {
  full_ = unsent() > 0;
  arm();
}

void Stream::arm() {
  const uint32_t wanted = interest();
  if (wanted == armed_) return;
  armed_ = wanted;
  reactor_.change(fd_, armed_, watcher());
}

void Stream::shutdown_write() {
  if (fd_ < 0) return;
  if (tls_ && !tls_->say_end()) return;
  ::shutdown(fd_, SHUT_WR);
}

}  // namespace barrio::net
