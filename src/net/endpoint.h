#pragma once
// Where and how a server is reached. Calls to equal endpoints share connections.

#include <memory>
#include <string>

#include "net/address.h"

namespace barrio::net {

enum class Protocol { http1, http2 };

class TlsClient;

struct Endpoint {
  Endpoint() = default;
  Endpoint(const SocketAddress& at) : address(at) {}  // in clear, HTTP/1.1

  SocketAddress address;
  Protocol protocol = Protocol::http1;
  std::shared_ptr<TlsClient> tls = {};  // null: in clear
  std::string name = {};                // for Host, SNI and the certificate; empty: the address

  bool operator==(const Endpoint&) const = default;
};

}  // namespace barrio::net
