#pragma once
// A connected, non-blocking socket with a buffer of what is not sent yet, in clear or with TLS, which looks the same
// from here. Owned by a connection; lives on its loop.

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/shared_pages.h"
#include "net/reactor.h"
#include "net/tls_session.h"

namespace barrio::net {

class Stream {
 public:
  Stream(Reactor& reactor, IoHandler& handler);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// Takes the descriptor. What is sent is kept until ready().
  void open(int fd, bool connected, std::unique_ptr<TlsSession> tls = nullptr);
  void connected();
  bool is_connected() const { return connected_; }
  /// From here on with TLS. The stream is connected, and nothing is unsent.
  void secure(std::unique_ptr<TlsSession> tls);
  bool is_secure() const { return tls_ != nullptr; }
  /// Connected, and the TLS handshake, if there is one, is over. The handler's on_io tells.
  bool ready() const;
  /// Null: in clear, or not ready.
  const TlsInfo* tls() const;
  /// Why TLS has failed; null: it has not. The handler's on_io tells.
  const Error* tls_failure() const;
  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }

  /// The handler's on_io says what it was told, before it reads.
  void note(uint32_t events);
  enum class Got { data, nothing, end, broken };
  /// One read; `got` is cut to what came. What it left in the socket is told on the loop's next turn.
  Got read(std::span<char> into, std::string_view& got);
  /// The first byte that waits in the socket; it stays there.
  Got peek(unsigned char& byte);

  /// Appended to, not sent until the next send() or flush().
  std::string& unsent_text() { return out_; }
  /// Sends what the socket takes and keeps the rest. False: the connection is broken.
  bool send(std::initializer_list<std::string_view> pieces);
  /// The same for what is to leave at the end of the loop's turn, by a flush() that the caller has seen to: small
  /// pieces gather until then and leave together.
  bool send_soon(std::initializer_list<std::string_view> pieces);
  bool flush() { return send({}); }
  /// In clear: sends what the socket takes of a file's bytes, copying none, after what is unsent. `taken`: how many;
  /// fewer than all, and the loop tells when it takes more.
  bool send_file(FilePlace place, size_t size, size_t& taken);
  size_t unsent() const { return out_.size() - out_begin_; }
  /// Bytes the socket has taken since open().
  uint64_t sent() const { return sent_; }

  /// Whether readiness to read is reported; readiness to write is, while something is unsent. That the peer has shut
  /// down its side of the socket (EPOLLRDHUP) is reported to who does not read, too, whatever is still unread.
  void arm_read(bool on);
  /// With TLS the peer is told that this was all. close() does not say so.
  void shutdown_write();
  void close();

 private:
  class Tls;
  void note_sent();
  void arm();
  uint32_t interest() const;
  IoHandler& watcher();
  Got read_secure(std::span<char> into, std::string_view& got);
  bool send_secure(std::span<const std::string_view> pieces);
  bool send_kept(int more = 0);  // MSG_MORE: something follows at once
  void keep(std::span<const std::string_view> pieces, size_t skip);

  Reactor& reactor_;
  IoHandler& handler_;
  int fd_ = -1;
  bool connected_ = false;
  bool want_read_ = false;
  bool full_ = false;  // the socket did not take all
  bool ends_ = false;  // what is in the socket is the last, or an error is behind it
  uint32_t armed_ = 0;
  std::string out_;
  size_t out_begin_ = 0;
  uint64_t sent_ = 0;
  std::unique_ptr<Tls> tls_;
};

}  // namespace barrio::net
