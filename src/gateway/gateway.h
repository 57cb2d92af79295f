#pragma once
// A site's front door: takes requests of devices and of other gateways, checks who asks, lets the Dispatcher decide,
// and carries the bytes. Needs nobody but its last snapshot: control is never asked.
//
// Everything runs on one reactor's thread: construct, start and destroy it there (or while the reactor does not run),
// and call flows() there. set_snapshot and set_local may be called from any thread while the reactor lives; they take
// effect on the next turn.

#include <functional>
#include <memory>

#include "base/metrics.h"
#include "gateway/dispatcher.h"
#include "net/server.h"
#include "net/tls.h"
#include "ports/core_network.h"

namespace barrio::gateway {

/// How gateways know each other. Where it is set, `listen` takes TLS besides clear; a request is a peer's only if it
/// came with a certificate that the server side trusts, of another site of the snapshot; and peer_secret is not looked
/// at.
struct PeerTls {
  std::shared_ptr<net::TlsServer> server = {};  // requests certificates of the authority that signs those of sites
  std::shared_ptr<net::TlsClient> client = {};  // presents this site's
};

struct GatewayConfig {
  SiteId site;
  net::SocketAddress listen;
  std::map<std::string, std::string> peers = {};  // site -> host:port, before what the snapshot says
  std::string peer_secret = {};                   // shared by the gateways; empty: no peers, unless by peer_tls
  PeerTls peer_tls = {};
  std::shared_ptr<net::TlsServer> tls = {};  // for clients, at tls_listen
  net::SocketAddress tls_listen = {};
  net::ServerLimits limits = {};
  uint64_t seed = 1;
  std::function<WallTime()> wall = {};  // for the expiry of tokens; none: the system's clock
};

class Gateway {
 public:
  Gateway(net::Reactor& reactor, GatewayConfig config, const ports::CoreNetwork& core, Registry& registry);
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  /// Errors: conflict (address in use), invalid, unavailable.
  Result<net::SocketAddress> start();
  void set_snapshot(std::shared_ptr<const Snapshot> snapshot);
  void set_local(std::vector<ports::WorkloadStatus> statuses);
  std::vector<Flow> flows() const;

 private:
  struct State;
  std::shared_ptr<State> state_;  // posted work holds it weakly
};

}  // namespace barrio::gateway
