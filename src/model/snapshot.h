#pragma once
// What control tells sites (Snapshot, SiteOrders) and what sites tell control (SiteReport).

#include <cstdint>
#include <map>

#include "model/app.h"
#include "model/device.h"
#include "model/spend_stop.h"
#include "model/usage.h"

namespace barrio {

enum class ReplicaPhase { starting, ready, failed, stopping };
BARRIO_DESCRIBE_ENUM(ReplicaPhase, starting, ready, failed, stopping)

/// A replica as control decided it and as its site last reported it.
struct Replica {
  ReplicaId id;
  AppKey app;
  SiteId site;
  ReplicaPhase phase = ReplicaPhase::starting;
  int64_t generation = 0;         // of its app, that it should run; 0: the newest
  std::optional<Seat> seat = {};  // where in the site, where there is a choice
  bool operator==(const Replica&) const = default;
  static constexpr std::string_view defaulted[] = {"generation"};
};
BARRIO_DESCRIBE(Replica, (), (id, app, site, phase, generation, seat))

/// A public key that tokens are verified with: P-256, coordinates in base64url as in a JWK.
struct VerifyingKey {
  std::string kid;
  std::string x;
  std::string y;
};
BARRIO_DESCRIBE(VerifyingKey, (), (kid, x, y))

/// The immutable, versioned view of the network that a site decides from. Sites keep the last one on disk.
struct Snapshot {
  int64_t version = 0;
  Network network;  // with the sites' present status
  std::vector<App> apps;
  std::vector<Replica> replicas;
  std::vector<VerifyingKey> keys;
  std::map<std::string, std::string> gateways;  // site id -> "host:port" as its gateway advertises it
  std::map<std::string, TenantQuota> quotas;    // of tenants that have one of their own
  std::vector<ApiKey> api_keys;
  /// What holds between its parts, and that it is of this site's network. Errors: invalid.
  Result<void> check_at(const SiteId& site) const;
  std::vector<std::string> revoked_keys = {};  // fingerprints: whose certificate has such a key is no site any more
  std::map<std::string, SpendStop> spend_stops = {};  // of tenants that have spent what they may
  /// Null: none holds now.
  const SpendStop* spend_stop(const TenantId& tenant, WallTime now) const;
};
BARRIO_DESCRIBE(Snapshot, (),
                (version, network, apps, replicas, keys, gateways, quotas, api_keys, revoked_keys, spend_stops))
BARRIO_JSON_APART(Snapshot)

/// As JSON. Control gives out no larger one, and a site's link takes four times as much in one answer.
inline constexpr size_t most_snapshot_bytes = 16 * 1024 * 1024;

/// A snapshot that a site does not decide from: it goes on with the one before.
struct RefusedSnapshot {
  int64_t version = 0;  // 0: not even that can be read
  std::string why;
};
BARRIO_DESCRIBE(RefusedSnapshot, (), (version, why))

/// One replica that a site should run.
struct ReplicaOrder {
  ReplicaId id;
  AppKey app;
  int64_t generation = 0;  // of the app; a change means: replace
  ModelSource model;
  Resources resources;
  /// Set: another site is ready to serve; nothing new comes here where it can be avoided, and the replica ends once its
  /// requests are answered, at the latest after this time. It is not started any more.
  std::optional<Duration> leave_within = {};
  std::optional<PipelineSpec> pipeline = {};  // with model.backend: pipeline
  std::optional<StreamSpec> stream = {};
  std::optional<ContainerSpec> container = {};
  std::map<std::string, std::string> secrets = {};  // environment variable -> its value; goes to this site alone
  std::optional<ProgramSpec> program = {};
  /// Of its container or its program. Null: it is neither.
  const ServerSpec* server() const { return server_in(container, program); }
  /// The hash of what it runs. Empty: built in, or a pipeline.
  const std::string& content() const { return server() != nullptr ? server()->sha256 : model.sha256; }
};
BARRIO_DESCRIBE(ReplicaOrder, (),
                (id, app, generation, model, resources, leave_within, pipeline, stream, container, secrets, program))
/// The hashes of the files that it needs on its site.
std::vector<std::string> files_of(const ReplicaOrder& order);

/// What a site's engine is told to serve: PUT /replicas/ID on its control socket.
struct EngineOrder {
  ReplicaOrder order;  // the files of a pipeline's steps are paths on its machine
  std::string listen;  // "unix:/path"
  std::string path;    // of the model's file; empty: the model is built in, or a pipeline
  static constexpr std::string_view defaulted[] = {"path"};
};
BARRIO_DESCRIBE(EngineOrder, (), (order, listen, path))
BARRIO_JSON_APART(EngineOrder)

/// leaving: takes nothing new; gone once what it had is answered and its models are unloaded.
enum class EngineReplicaState { loading, ready, failed, leaving };
BARRIO_DESCRIBE_ENUM(EngineReplicaState, loading, ready, failed, leaving)

struct EngineReplica {
  ReplicaId id;
  int64_t generation = 0;
  EngineReplicaState state = EngineReplicaState::loading;
  std::string detail;  // why it failed
};
BARRIO_DESCRIBE(EngineReplica, (), (id, generation, state, detail))

/// GET /replicas: all that the engine has.
struct EngineReplicas {
  std::vector<EngineReplica> replicas;
};
BARRIO_DESCRIBE(EngineReplicas, (), (replicas))
BARRIO_JSON_APART(EngineReplicas)

struct ReplicaReport {
  ReplicaId id;
  int64_t generation = 0;
  ReplicaPhase phase = ReplicaPhase::starting;
  std::string detail;    // why it failed, or what it waits for
  int64_t restarts = 0;  // of this generation, or of the one that comes
  int64_t coming = 0;    // generation that starts while this one serves; 0: none
  static constexpr std::string_view defaulted[] = {"coming"};
};
BARRIO_DESCRIBE(ReplicaReport, (), (id, generation, phase, detail, restarts, coming))

/// p50 and p99 of one part of the time of a request, in milliseconds.
struct LatencyPair {
  double p50_ms = 0;
  double p99_ms = 0;
};
BARRIO_DESCRIBE(LatencyPair, (), (p50_ms, p99_ms))

/// What one gateway saw of one app's devices in one place over the last 10 seconds.
struct Flow {
  AppKey app;
  std::string place;
  LatLon location;
  Access access = Access::fibre;
  SiteId served_by;  // empty while only refused
  int64_t answered = 0;
  int64_t late = 0;
  int64_t refused = 0;
  std::string refusal;  // the last reason
  LatencyPair network;  // predicted access path + measured path between sites
  LatencyPair queue;
  LatencyPair compute;
  LatencyPair total;
  double seconds = 0;  // that the counts are of; 0: an older site, which does not say
  /// Requests a second that replicas were there for, or should have been: answered, or refused for want of them. Over
  /// the last 2 and 10 seconds that are over.
  double offered_2s = 0;
  double offered_10s = 0;
  static constexpr std::string_view defaulted[] = {"served_by", "seconds", "offered_2s", "offered_10s"};
};
BARRIO_DESCRIBE(Flow, (),
                (app, place, location, access, served_by, answered, late, refused, refusal, network, queue, compute,
                 total, seconds, offered_2s, offered_10s))

/// Sent by every agent about once a second; complete each time, so that a lost one does not matter.
/// What a site runs beside models, as it is configured.
struct SiteRuns {
  bool containers = true;
  bool programs = true;
  bool can_run(const AppSpec& app) const { return app.container ? containers : !app.program || programs; }
  bool operator==(const SiteRuns&) const = default;
};
BARRIO_DESCRIBE(SiteRuns, (), (containers, programs))

struct SiteReport {
  SiteId site;
  int64_t snapshot_version = 0;  // the newest that it holds
  std::string gateway;           // the address that other gateways and devices reach it at
  std::vector<ReplicaReport> replicas;
  std::vector<Flow> flows;
  std::optional<UsageShipment> usage = {};      // now and then, and until control has it
  int64_t in_flight = 0;                        // requests that its gateway is serving
  std::optional<RefusedSnapshot> refused = {};  // the last one that it was given and does not take
  std::optional<SiteRuns> runs = {};            // none: an older site, which does not say
  static constexpr std::string_view defaulted[] = {"in_flight"};
};
BARRIO_DESCRIBE(SiteReport, (), (site, snapshot_version, gateway, replicas, flows, in_flight, usage, refused, runs))
BARRIO_JSON_APART(SiteReport)

/// The answer: everything that the site should run now, and the snapshot if the site's is older.
struct SiteOrders {
  std::vector<ReplicaOrder> run;
  std::optional<Snapshot> snapshot;
  std::optional<int64_t> usage_through = {};  // control has this much of the journal of the shipment; none: ask again
  /// Set by the site's own side of the link, not by control: it came and cannot be read; the orders stand.
  std::optional<RefusedSnapshot> unreadable = {};
};
BARRIO_DESCRIBE(SiteOrders, (), (run, snapshot, usage_through))
BARRIO_JSON_APART(SiteOrders)

}  // namespace barrio
