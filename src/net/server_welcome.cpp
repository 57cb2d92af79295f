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
  if (welcome_.in_clear == InClear::refused) begin_handshake();
}

void ServerConnection::begin_handshake() {
  first_byte_ = core_.reactor_.now();
  shaking_hands_ = true;
  core_.count_handshakes(welcome_, +1);
  stream_.secure(welcome_.tls->session());
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
  begin_handshake();
  set_deadline();
  return false;
}

/// True: it is over, and well.
bool ServerConnection::finish_handshake() {
  if (stream_.tls_failure() != nullptr) {
    core_.met(ConnectionLimit::malformed);
    close();
    return false;
  }
  if (!shaking_hands_) {
    if (!begins_in_clear()) return false;
  } else {
    if (!stream_.ready()) return false;
    end_handshake();
  }
  phase_ = Phase::start;
  last_read_ = core_.reactor_.now();
  return true;
}

void ServerConnection::end_handshake() {
  shaking_hands_ = false;
  core_.count_handshakes(welcome_, -1);
  welcome_.tls->count(stream_.tls());
}

/// Where ALPN chose a protocol it is that one.
bool ServerConnection::speaks(std::string_view protocol) const {
  const TlsInfo* agreed = tls();
  return agreed == nullptr || agreed->protocol.empty() || agreed->protocol == protocol;
}

}  // namespace barrio::net
