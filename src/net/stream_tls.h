#pragma once
// The TLS of a Stream. It stands between the reactor and the stream's handler, since what OpenSSL waits for is not
// always what the handler waits for, and since input may wait in OpenSSL, of which the reactor knows nothing.
// Private to stream*.cpp.

#include "net/stream.h"

namespace barrio::net {

class Stream::Tls final : public IoHandler {
 public:
  Tls(Stream& stream, std::unique_ptr<TlsSession> session);
  ~Tls();

  /// The socket is connected.
  void begin();
  /// EPOLL* bits to wait for, of a handler that waits for `wanted`.
  uint32_t interest(uint32_t wanted) const;
  /// There is a reader: tells it, on the loop's next turn, of input that the reactor does not.
  void go_on();
  /// False: not out yet; the socket is shut down when it is.
  bool say_end();

  bool ready() const { return ready_; }
  TlsSession& session() const { return *session_; }
  bool failed() const { return failed_; }
  void note_read(TlsSession::Outcome outcome, bool stopped);
  void note_write(TlsSession::Outcome outcome);

 private:
  void on_io(uint32_t events) override;
  void shake_hands();
  void tell_later();
  void later();

  Stream& stream_;
  const std::unique_ptr<TlsSession> session_;
  TimerId later_ = 0;
  bool ready_ = false;
  bool failed_ = false;
  bool unread_ = false;  // there may be input in the session, and the last read did not wait for more
  bool shaking_waits_to_write_ = false;
  bool read_waits_to_write_ = false;
  bool write_waits_to_read_ = false;
  bool ends_ = false;  // close_notify is to be sent
  bool end_said_ = false;
};

}  // namespace barrio::net
