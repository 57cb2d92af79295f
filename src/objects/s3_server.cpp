#include "objects/s3_server.h"

namespace barrio::objects {

namespace {

net::ServerLimits server_limits() {
  net::ServerLimits limits;
  limits.body_bytes = (uint64_t{5} << 30) + (uint64_t{64} << 20);  // S3's 5 GiB, and the lines of aws-chunked
  limits.connections = 2048;
  limits.http2.streams = 64;
  return limits;
}

}  // namespace

S3Server::S3Server(net::Reactor& reactor, S3Service& service)
    : service_(service), server_(reactor, server_limits(), service) {}

Result<net::SocketAddress> S3Server::start() {
  const S3Config& config = service_.config();
  if (config.tls) TRY_DO(server_.listen(config.tls_listen, config.tls));
  TRY(auto bound, server_.listen(config.listen, config.peers.server, net::InClear::accepted));
  service_.bound_to(bound);
  return bound;
}

}  // namespace barrio::objects
