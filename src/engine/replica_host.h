#pragma once
// The replicas of an engine that a site's runtime tells what to serve, over a socket of its own. All calls are
// idempotent.
//
//   PUT    /replicas/ID   EngineOrder (model/snapshot.h): 202; 409 while another generation of it is here
//   DELETE /replicas/ID   202: it leaves; 204: it is not here
//   GET    /replicas      EngineReplicas
//   GET    /metrics       of devices and tenants; a replica's own are at its own address
//   POST   /usage         EngineUsageQuestion (model/usage.h): EngineUsageAnswer, of frames that streams looked at and
//                         of tokens; 404 where nothing is counted
//
// The socket can be reached by whoever may read the runtime's folder, and by nobody else. Lives on the loop.

#include <map>
#include <set>

#include "engine/hosted_replica.h"
#include "engine/usage_counter.h"

namespace barrio::engine {

/// Text models of the name `model` at a server with these settings (DeviceSpec). Errors: of the settings.
using FindGeneration = std::function<Result<MakeGeneration>(const std::string& model, const std::string& server)>;

/// What replicas get beside the engine.
struct ReplicaMeans {
  MakeDecoder make_decoder = {};
  FindGeneration find_generation = {};  // none: no replica has text models
  UsageCounter* usage = nullptr;        // outlives the host; null: nobody is to pay
};

class ReplicaHost {
 public:
  /// What stops takes up to `grace` to be answered. All outlive this.
  ReplicaHost(net::Reactor& reactor, Engine& engine, Registry& registry, ReplicaMeans means, Duration grace);
  ~ReplicaHost();

  /// A Unix socket that only this user can connect to.
  Result<net::SocketAddress> listen(const net::SocketAddress& address);
  /// Errors: conflict (another generation is here), not_found (no server for its models), invalid.
  Result<void> put(const EngineOrder& order);
  /// False: it is not here.
  bool remove(const ReplicaId& id);
  EngineReplicas list() const;

  void drain();
  bool idle() const;

 private:
  struct Hosted;
  net::Response answer(const net::Request& request);
  net::Response answer_for(const net::Request& request, const ReplicaId& id);
  net::Response answer_usage(const net::Request& request);
  StreamHooks hooks_of(const AppKey& app);
  ChargeTokens charge_of(const AppKey& app) const;
  Result<ReplicaOptions> options_of(const EngineOrder& asked) const;
  Result<void> use_server(const ReplicaOrder& order, ReplicaOptions& options) const;

  net::Reactor& reactor_;
  Engine& engine_;
  Registry& registry_;
  ReplicaMeans means_;
  Duration grace_;
  std::set<TenantId> resting_;  // nothing is looked at for them
  std::map<ReplicaId, std::unique_ptr<Hosted>> hosted_;
  net::MessageServer server_;
};

}  // namespace barrio::engine
