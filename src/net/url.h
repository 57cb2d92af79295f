#pragma once
// Where a server is, as people write it: "http://127.0.0.1:8000/prefix", "https://[::1]:8443", "unix:/run/server.sock".
// Numeric addresses only, as everywhere here.

#include <string>
#include <string_view>

#include "net/endpoint.h"

namespace barrio::net {

struct Url {
  Endpoint endpoint;  // HTTP/1.1; with TLS where the scheme is https or grpcs, trusting the system's authorities
  std::string path;   // in front of all targets; without a slash at its end, empty for none
  bool grpc = false;  // the scheme is grpc or grpcs; then the endpoint speaks HTTP/2
};

/// Schemes http, https, grpc, grpcs; or unix:PATH. Without a port: 80, 443; gRPC has none. Errors: invalid.
Result<Url> parse_url(std::string_view text);
/// Of a server that speaks HTTP at its root: "http://127.0.0.1:8080", or in short "127.0.0.1:8080"; https; unix:PATH.
/// `tls`, where it is given, instead of the system's authorities. Errors: invalid.
Result<Endpoint> parse_server(std::string_view text, const std::shared_ptr<TlsClient>& tls = nullptr);

}  // namespace barrio::net
