#pragma once
// Opening a connection without waiting for it.

#include "net/endpoint.h"
#include "net/tls_session.h"

namespace barrio::net {

struct Dialed {
  int fd = -1;
  bool connected = false;  // else it is when the descriptor is writable: ask dial_result()
};

/// Errors: unavailable.
Result<Dialed> dial(const SocketAddress& address);
/// What became of it.
Result<void> dial_result(int fd, const SocketAddress& address);
/// For a connection to an endpoint that has `tls`.
std::unique_ptr<TlsSession> tls_session(const Endpoint& endpoint);

}  // namespace barrio::net
