#pragma once
// A site's front door: takes requests of devices and of other gateways, checks who asks, lets the Dispatcher decide,
// and carries the bytes. Needs nobody but its last snapshot: control is never asked.
//
// Everything runs on one reactor's thread: construct, start and destroy it there (or while the reactor does not run),
// and call flows() and cut_usage() there. set_snapshot and set_local may be called from any thread while the reactor
// lives; they take effect on the next turn.

#include <functional>
#include <memory>
#include <span>

#include "base/digest.h"
#include "base/metrics.h"
#include "gateway/dispatcher.h"
#include "gateway/limits.h"
#include "gateway/telemetry_config.h"
#include "net/server.h"
#include "net/tls.h"
#include "ports/core_network.h"

namespace barrio::gateway {

/// How gateways know each other. Where it is set, `listen` takes TLS besides clear; a request is a peer's only if it
/// came with a certificate that the server side trusts, of another site of the snapshot, whose key is not revoked
/// there; and peer_secret is not looked at.
struct PeerTls {
  std::shared_ptr<net::TlsServer> server = {};  // requests certificates of the authority that signs those of sites
  std::shared_ptr<net::TlsClient> client = {};  // presents this site's
};

/// For the site's transparency log or its witness: /log/..., /witness/... (docs/proof.md).
struct LogCall {
  std::string method;
  std::string path;
  std::string body;
  std::optional<TenantId> tenant;  // with /log/salt
};

/// An answer that a replica of this site gave, for a tenant that wants receipts.
struct ReceiptFacts {
  AppKey app;
  int64_t policy = 0;  // the app's generation
  Jurisdiction where;
  Digest request{};  // SHA-256 of its body
  int status = 0;
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
  LimitsConfig policy = {};
  uint64_t seed = 1;
  std::function<WallTime()> wall = {};  // for the expiry of tokens, and usage; none: the system's clock
  /// Where usage is counted (gateway/meter.h): at least usage_memory_bytes(), outliving the gateway, and the process
  /// where bills depend on it.
  std::span<std::byte> usage_memory = {};  // none: the gateway's own
  std::optional<AccessLogConfig> access_log = {};
  std::optional<TracingConfig> tracing = {};
  std::shared_ptr<net::InheritedSockets> inherited = {};  // listening sockets that the process was started with
  /// Answers once, on the loop and later, with JSON about the app's replicas here: their last lines, or what they take.
  std::function<void(const AppKey&, size_t lines, std::function<void(std::string)> answer)> replica_figures = {};
  /// Answers once, on the loop, at once or later. None: this site has no log.
  std::function<void(LogCall, std::function<void(net::Response)> answer)> log_call = {};
  /// The value of Barrio-Receipt. None: no answer carries one.
  std::function<std::string(const ReceiptFacts&)> sign_receipt = {};
};
size_t usage_memory_bytes();

class Gateway {
 public:
  Gateway(net::Reactor& reactor, GatewayConfig config, const ports::CoreNetwork& core, Registry& registry);
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  /// Errors: conflict (address in use), invalid, unavailable.
  Result<net::SocketAddress> start();
  // For a handover; on the loop's thread.
  /// New connections wait until accept(). Before start(), too.
  void hold();
  void accept();
  std::vector<int> share_listeners();
  /// As net::Server::drain.
  void drain(Duration idle);
  size_t connections() const;

  void set_snapshot(std::shared_ptr<const Snapshot> snapshot);
  /// What time it is at control, by which tokens are judged too.
  void hear_control_time(WallTime time);
  void set_local(std::vector<ports::WorkloadStatus> statuses);
  std::vector<Flow> flows() const;
  /// Requests that were decided and are not over. On the reactor's thread, like flows().
  size_t open_requests() const;
  /// What was used and is not in the journal yet; see Meter::cut. On the reactor's thread.
  std::vector<UsageRecord> cut_usage(std::span<const JournaledPeriod> journaled);
  /// What engines of this site counted, told as often as it is cut: their tokens are among the figures of apps here.
  void show_counted(std::span<const UsageRecord> records);
  /// For replicas that are to leave: requests not answered yet, and whether another site serves the app.
  size_t in_flight(const ReplicaId& replica) const;
  bool served_elsewhere(const AppKey& app) const;

 private:
  struct State;
  std::shared_ptr<State> state_;  // posted work holds it weakly
};

}  // namespace barrio::gateway
