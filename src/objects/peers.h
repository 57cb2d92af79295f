#pragma once
// Other sites' S3 services: how they are reached, and how they know that a site asks. Lives on the service's loop.

#include <memory>

#include "net/tls.h"
#include "objects/directory.h"
#include "objects/peer_calls.h"
#include "ports/runtime.h"

namespace barrio::objects {

/// How sites know each other; as the gateway's.
struct PeerIdentity {
  std::string secret = {};  // counts only without TLS
  std::shared_ptr<net::TlsServer> server = {};
  std::shared_ptr<net::TlsClient> client = {};
};

class Peers {
 public:
  Peers(PeerCalls& calls, ports::Runtime& runtime, const Directory& directory, SiteId own, PeerIdentity identity);

  PeerCalls& calls() { return calls_; }
  /// Errors: unavailable (its address is not known, or this site has no way to others).
  Result<net::Endpoint> endpoint(const SiteId& site) const;
  /// What tells `endpoint` that this site asks. Views of this.
  std::vector<net::Header> introduction(const net::Endpoint& endpoint) const;
  /// A whole exchange; parks. Errors: those of endpoint() and of PeerCalls.
  Result<net::Response> ask(const SiteId& site, net::Request request, Duration patience);

 private:
  PeerCalls& calls_;
  ports::Runtime& runtime_;
  const Directory& directory_;
  const SiteId own_;
  const PeerIdentity identity_;
};

}  // namespace barrio::objects
