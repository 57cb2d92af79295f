#pragma once
// net::Client for a thread that may wait: a loop of its own that runs while a call is out. One call at a time. Between
// calls nothing runs; a connection that the server closed meanwhile is found out by the next call, which takes another.

#include "net/client.h"

namespace barrio::adapters::oip {

/// One unary gRPC call as it came back.
struct RawAnswer {
  int status = 0;
  net::OwnedHeaders headers;  // and trailers
  std::string body;
};

class BlockingClient {
 public:
  /// Errors: as net::Client's, with exhausted where the answer is longer than `most` bytes.
  Result<net::Response> fetch(const net::Endpoint& endpoint, net::Request request, Time deadline, size_t most);
  /// Sends TE: trailers, and gathers those of the answer.
  Result<RawAnswer> call(const net::Endpoint& endpoint, const net::Request& request, Time deadline, size_t most);

 private:
  net::Reactor reactor_;
  net::Client client_{reactor_, {}};
};

}  // namespace barrio::adapters::oip
