#pragma once
// The sockets on which an S3 service is reached. Lives on the service's loop, and ends before it.

#include "objects/s3_service.h"

namespace barrio::objects {

class S3Server {
 public:
  S3Server(net::Reactor& reactor, S3Service& service);
  /// As the service's config says. Errors: conflict (address in use), invalid, unavailable.
  Result<net::SocketAddress> start();
  void drain() { server_.drain(); }

 private:
  S3Service& service_;
  net::Server server_;
};

}  // namespace barrio::objects
