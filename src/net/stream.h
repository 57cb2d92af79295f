#pragma once
// A connected, non-blocking socket with a buffer of what is not sent yet. Owned by a connection; lives on its loop.

#include <span>
#include <string>
#include <string_view>

#include "net/reactor.h"

namespace barrio::net {

class Stream {
 public:
  Stream(Reactor& reactor, IoHandler& handler) : reactor_(reactor), handler_(handler) {}
  ~Stream() { close(); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// Takes the descriptor. `connected` false: what is sent is kept until connected().
  void open(int fd, bool connected);
  void connected();
  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }

  enum class Got { data, nothing, end, broken };
  /// One read; `got` is cut to what came.
  Got read(std::span<char> into, std::string_view& got);

  /// Appended to, not sent until the next send() or flush().
  std::string& unsent_text() { return out_; }
  /// Sends what the socket takes and keeps the rest. False: the connection is broken.
  bool send(std::initializer_list<std::string_view> pieces);
  bool flush() { return send({}); }
  size_t unsent() const { return out_.size() - out_begin_; }
  /// Bytes the socket has taken since open().
  uint64_t sent() const { return sent_; }

  /// Whether readiness to read is reported; readiness to write is, while something is unsent.
  void arm_read(bool on);
  void shutdown_write();
  void close();

 private:
  void arm();
  void keep(std::span<const std::string_view> pieces, size_t skip);

  Reactor& reactor_;
  IoHandler& handler_;
  int fd_ = -1;
  bool connected_ = false;
  bool want_read_ = false;
  uint32_t armed_ = 0;
  std::string out_;
  size_t out_begin_ = 0;
  uint64_t sent_ = 0;
};

}  // namespace barrio::net
