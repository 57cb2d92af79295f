// How an accepted connection begins where its listener speaks TLS.

#include "net/server_connection.h"

namespace barrio::net {

namespace {

/// The content type of the record that holds a ClientHello (RFC 8446 5.1). No HTTP begins with it.
constexpr unsigned char tls_handshake = 0x16;

}  // namespace

/// Whatever PROXY header there was is read.
void ServerConnection::welcome() {
  if (!welcome_.tls) return;
  phase_ = Phase::handshake;
  first_byte_ = core_.reactor_.now();
  shaking_hands_ = true;
  core_.count_handshakes(+1);
  if (welcome_.in_clear == InClear::refused) stream_.secure(welcome_.tls->session());
}

/// Of a listener that takes both. True: no TLS. False: TLS, or closed, or nobody knows yet.
bool ServerConnection::begins_in_clear() {
  unsigned char first = 0;
  switch (stream_.peek(first)) {
    case Stream::Got::nothing: return false;
    case Stream::Got::end:
    case Stream::Got::broken: close(); return false;
    case Stream::Got::data: break;
  }
  if (first != tls_handshake) return true;
  stream_.secure(welcome_.tls->session());
  return false;
}

/// True: it is over, and well.
bool ServerConnection::finish_handshake() {
  if (stream_.tls_failure() != nullptr) {
    close();
    return false;
  }
  const bool undecided = welcome_.in_clear == InClear::accepted && !stream_.is_secure();
  if (undecided ? !begins_in_clear() : !stream_.ready()) return false;
  end_handshake();
  phase_ = Phase::start;
  last_read_ = core_.reactor_.now();
  return true;
}

void ServerConnection::end_handshake() {
  shaking_hands_ = false;
  core_.count_handshakes(-1);
  if (stream_.is_secure()) welcome_.tls->count(stream_.tls());
}

/// Where ALPN chose a protocol it is that one.
bool ServerConnection::speaks(std::string_view protocol) const {
  const TlsInfo* agreed = tls();
  return agreed == nullptr || agreed->protocol.empty() || agreed->protocol == protocol;
}

}  // namespace barrio::net
