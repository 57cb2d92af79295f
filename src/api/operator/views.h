#pragma once
// What /barrio/v1 answers, as described structs: the CLI and the console read the same ones.

#include <optional>
#include <string>
#include <vector>

#include "base/json_schema.h"
#include "model/bucket.h"
#include "model/refusal.h"
#include "model/snapshot.h"

namespace barrio::api {

struct PowerView {
  Watts budget;  // at the meter
  double pue = 1;
  Watts it_budget;
  Watts used;                     // by the replicas placed there
  std::optional<Watts> cap = {};  // at the meter: what may be used of it for now
  std::optional<Redundancy> redundancy = {};
};
BARRIO_DESCRIBE(PowerView, (), (budget, pue, it_budget, used, cap, redundancy))

/// A feeder or a rack.
struct PowerNodeView {
  std::string name;
  std::string feeder;  // of a rack: what feeds it; empty: the site itself
  Watts usable;        // derated, at most its cap
  Watts used;          // by the replicas placed there
};
BARRIO_DESCRIBE(PowerNodeView, (), (name, feeder, usable, used))

struct SiteReplicaView {
  std::string id;
  std::string app;  // "tenant/name"
  std::string phase;
  std::string detail;  // why it failed, or what it waits for
  int64_t restarts = 0;
};
BARRIO_DESCRIBE(SiteReplicaView, (), (id, app, phase, detail, restarts))

struct SiteView {
  SiteId id;
  std::string city;
  OperatorId owner;
  Jurisdiction jurisdiction;
  LatLon location;
  SiteStatus status = SiteStatus::planned;
  bool connected = false;  // reported within the last 3 seconds
  PowerView power;
  std::vector<PowerNodeView> feeders;
  std::vector<PowerNodeView> racks;
  std::vector<Accelerator> accelerators;
  Servers servers;
  std::vector<SiteReplicaView> replicas;
  int64_t buckets = 0;  // of which it keeps a copy
  std::string gateway;  // "host:port"; empty until it has reported once
  std::vector<std::string> assumptions;
};
BARRIO_DESCRIBE(SiteView, (),
                (id, city, owner, jurisdiction, location, status, connected, power, feeders, racks, accelerators,
                 servers, replicas, buckets, gateway, assumptions))

struct SiteList {
  std::vector<SiteView> sites;
  std::optional<std::string> next;  // ?after= for the rest; none: this was all
};
BARRIO_DESCRIBE(SiteList, (), (sites, next))

struct DecisionView {
  SiteId site;
  std::string city;
  bool placed = false;
  std::string phase;   // of the replica; empty where none is placed
  std::string reason;  // a RefusalReason; empty where placed
  std::string detail;
  std::string nearest;
  double network_ms = 0;
  int64_t generation = 0;  // that its replica runs; 0: none yet
};
BARRIO_DESCRIBE(DecisionView, (), (site, city, placed, phase, reason, detail, nearest, network_ms, generation))

struct PlacementView {
  std::vector<DecisionView> decisions;
  std::optional<Refusal> refusal;  // none placed
  std::optional<Refusal> missing;  // some placed, fewer than are wanted
};
BARRIO_DESCRIBE(PlacementView, (), (decisions, refusal, missing))

struct AppAnswer {
  App app;
  PlacementView placement;
};
BARRIO_DESCRIBE(AppAnswer, (), (app, placement))

struct AppList {
  std::vector<AppAnswer> apps;
  std::optional<std::string> next;  // ?after= for the rest; none: this was all
};
BARRIO_DESCRIBE(AppList, (), (apps, next))

/// What was deployed under an app's name, and what became of it.
struct ReleaseView {
  int64_t generation = 0;
  std::string runs;   // "container hello@sha256:...", "program sha256:...", "model onnx"
  std::string state;  // rolling, done, stopped, replaced
  std::string detail;
  WallTime at;
};
BARRIO_DESCRIBE(ReleaseView, (), (generation, runs, state, detail, at))

struct ReleaseList {
  std::string app;
  std::vector<ReleaseView> releases;  // the newest first
};
BARRIO_DESCRIBE(ReleaseList, (), (app, releases))

/// generation 0: the last one before the present that was rolled out.
struct RollBack {
  int64_t generation = 0;
};
BARRIO_DESCRIBE(RollBack, (), (generation))

struct ExplainView {
  std::string app;
  std::string policy;
  std::string objective;
  ReleaseView release;  // the newest
  std::vector<DecisionView> decisions;
  std::string demand;              // what is asked of it, and how many replicas follow from that
  std::optional<Refusal> missing;  // why there are fewer replicas than are wanted, and what would help
};
BARRIO_DESCRIBE(ExplainView, (), (app, policy, objective, release, decisions, demand, missing))

/// What one replica does, as its site's gateway tells its tenant.
struct ReplicaFigures {
  ReplicaId id;
  int64_t generation = 0;
  ReplicaPhase phase = ReplicaPhase::starting;
  std::string detail;
  int64_t restarts = 0;
  std::optional<double> cores = {};  // none: not told apart
  std::optional<Bytes> memory = {};
  std::optional<int64_t> processes = {};
  std::vector<std::string> lines = {};  // of its output, the newest last
};
BARRIO_DESCRIBE(ReplicaFigures, (), (id, generation, phase, detail, restarts, cores, memory, processes, lines))

struct ReplicaFiguresList {
  SiteId site;
  std::vector<ReplicaFigures> replicas;
};
BARRIO_DESCRIBE(ReplicaFiguresList, (), (site, replicas))

/// One accepted change.
struct AuditEntry {
  std::string id;  // grows with time
  WallTime at;
  std::string by;  // a tenant's name, or "operator"
  std::string role;
  std::string action;  // "app deploy", "site drain" ...
  std::string what;
  std::string tenant;  // whose it is; empty: the operator's own
  std::string detail;
};
BARRIO_DESCRIBE(AuditEntry, (), (id, at, by, role, action, what, tenant, detail))

struct AuditList {
  WallTime from;
  WallTime to;
  std::vector<AuditEntry> entries;  // the oldest first
  std::optional<std::string> next;  // ?after= for the rest; none: this was all
};
BARRIO_DESCRIBE(AuditList, (), (from, to, entries, next))

struct NewTenant {
  TenantId name;
};
BARRIO_DESCRIBE(NewTenant, (), (name))

struct TenantCredentials {
  TenantId tenant;
  std::string client_id;
  std::string client_secret;  // shown once; only its hash is kept
};
BARRIO_DESCRIBE(TenantCredentials, (), (tenant, client_id, client_secret))

struct NewSiteAccount {
  bool replace = false;  // the secret of the account that the site has
  static constexpr std::string_view defaulted[] = {"replace"};
};
BARRIO_DESCRIBE(NewSiteAccount, (), (replace))

struct SiteCredentials {
  SiteId site;
  std::string client_id;
  std::string client_secret;  // shown once; only its hash is kept
};
BARRIO_DESCRIBE(SiteCredentials, (), (site, client_id, client_secret))

struct NewSpendCap {
  Euros cap;
};
BARRIO_DESCRIBE(NewSpendCap, (), (cap))

/// Of a tenant with a cap, in the present month (UTC).
struct SpendingView {
  Euros cap;
  std::optional<Euros> spent = {};      // as far as sites have told; none: not counted yet
  std::optional<int64_t> percent = {};  // of the cap, rounded down
  WallTime until;                       // the first instant of the next month
  bool reached = false;                 // new requests are refused until then, or until the cap is raised
};
BARRIO_DESCRIBE(SpendingView, (), (cap, spent, percent, until, reached))

struct TenantView {
  TenantId name;
  int64_t apps = 0;
  TenantQuota quota;
  std::optional<SpendingView> spending = {};  // none: no cap
};
BARRIO_DESCRIBE(TenantView, (), (name, apps, quota, spending))

struct NewKey {
  std::vector<std::string> scopes;     // none: barrio:infer
  std::optional<Duration> expires_in;  // none: never
};
BARRIO_DESCRIBE(NewKey, (), (scopes, expires_in))

struct KeyView {
  std::string id;
  std::vector<std::string> scopes;
  std::string expires;  // RFC 3339; empty: never
  bool expired = false;
};
BARRIO_DESCRIBE(KeyView, (), (id, scopes, expires, expired))

struct KeyList {
  std::vector<KeyView> keys;
  std::optional<std::string> next;  // ?after= for the rest; none: this was all
};
BARRIO_DESCRIBE(KeyList, (), (keys, next))

struct IssuedKey {
  std::string id;
  std::string key;  // shown once; only its hash is kept
  std::vector<std::string> scopes;
  std::string expires;
};
BARRIO_DESCRIBE(IssuedKey, (), (id, key, scopes, expires))

/// Never answered: only names are.
struct NewSecret {
  std::string value;
};
BARRIO_DESCRIBE(NewSecret, (), (value))

struct SecretView {
  std::string name;
};
BARRIO_DESCRIBE(SecretView, (), (name))

struct SecretList {
  std::vector<std::string> secrets;
};
BARRIO_DESCRIBE(SecretList, (), (secrets))

/// A bucket, and where its S3 service is reached.
struct BucketView {
  std::string name;
  TenantId tenant;
  std::string location;  // as it was asked for
  Policy policy;
  int64_t policy_version = 1;
  int copies = 1;
  SiteId home;
  int64_t epoch = 1;
  std::vector<Follower> followers;  // that keep a copy beside the home
  int acks = 1;                     // sites that have a write before it is acknowledged
  WallTime created;
  std::string endpoint;                 // "host:port" of its home; empty: not known now
  std::optional<int64_t> objects = {};  // of the home; none: it has not said yet
  std::optional<int64_t> bytes = {};    // of objects and parts
};
BARRIO_DESCRIBE(BucketView, (),
                (name, tenant, location, policy, policy_version, copies, home, epoch, followers, acks, created,
                 endpoint, objects, bytes))

/// What a tenant has in storage ends for good: where it did, and where it is waited for.
struct ErasureView {
  TenantId tenant;
  WallTime at;
  std::map<std::string, WallTime> done;  // site -> when it said that the tenant's keys are gone
  std::vector<SiteId> waiting;           // sites with storage that have yet to say so
};
BARRIO_DESCRIBE(ErasureView, (), (tenant, at, done, waiting))

struct BucketList {
  std::vector<BucketView> buckets;
  std::optional<std::string> next;  // ?after= for the rest; none: this was all
};
BARRIO_DESCRIBE(BucketList, (), (buckets, next))

/// What buckets whose home is this site keep. Nothing says whose they are.
struct StorageSums {
  SiteId site;
  int64_t buckets = 0;
  int64_t incomplete = 0;  // have fewer complete copies than were asked for
  int64_t untold = 0;      // their home has not said yet what they hold: not in what follows
  int64_t objects = 0;
  int64_t bytes = 0;
};
BARRIO_DESCRIBE(StorageSums, (), (site, buckets, incomplete, untold, objects, bytes))

struct StorageView {
  std::vector<StorageSums> sites;  // by id, that are the home of some
};
BARRIO_DESCRIBE(StorageView, (), (sites))

struct IssuedS3Key {
  std::string id;
  std::string secret;  // shown once
};
BARRIO_DESCRIBE(IssuedS3Key, (), (id, secret))

struct S3KeyView {
  std::string id;
};
BARRIO_DESCRIBE(S3KeyView, (), (id))

struct S3KeyList {
  std::vector<S3KeyView> keys;
};
BARRIO_DESCRIBE(S3KeyList, (), (keys))

struct TenantList {
  std::vector<TenantView> tenants;
  std::optional<std::string> next;  // ?after= for the rest; none: this was all
};
BARRIO_DESCRIBE(TenantList, (), (tenants, next))

struct HealthView {
  std::string status;
  int64_t snapshot_version = 0;
  std::string member;  // of control, that answers
  std::string leader;  // the member that leads; empty: none just now
};
BARRIO_DESCRIBE(HealthView, (), (status, snapshot_version, member, leader))

/// A member of control, and where browsers reach it: "https://control-2.example:8443".
struct ConsoleView {
  std::string member;
  std::string origin;
};
BARRIO_DESCRIBE(ConsoleView, (), (member, origin))

struct ConsoleList {
  std::string member;                 // of control, that answers
  std::vector<ConsoleView> consoles;  // of all members; empty: this control is alone
};
BARRIO_DESCRIBE(ConsoleList, (), (member, consoles))

struct BlobView {
  std::string sha256;
  int64_t bytes = 0;
};
BARRIO_DESCRIBE(BlobView, (), (sha256, bytes))

/// The console's view: one request a second.
struct LiveSite {
  SiteId id;
  std::string city;
  double lat = 0;
  double lon = 0;
  SiteStatus status = SiteStatus::planned;
  bool connected = false;
  int64_t power_budget_w = 0;  // for IT
  int64_t power_used_w = 0;
  int64_t replicas = 0;
  int64_t replicas_ready = 0;
  int64_t in_flight = 0;  // requests that its gateway is serving
};
BARRIO_DESCRIBE(LiveSite, (),
                (id, city, lat, lon, status, connected, power_budget_w, power_used_w, replicas, replicas_ready,
                 in_flight))

struct LiveFlow {
  SiteId entered;  // the site whose gateway saw it
  Flow flow;
};

/// What an app promises, and what there is of it; how it does is what its flows say together.
struct LiveApp {
  AppKey app;
  double objective_ms = 0;
  double objective_percentile = 0;
  int64_t replicas = 0;                 // that it should have now; 0: it has none while nobody asks
  int64_t replicas_ready = 0;           // more than `replicas` while some leave
  std::vector<SiteId> sites;            // that have a replica, ready or not
  std::optional<Refusal> refusal = {};  // none placed
};
BARRIO_DESCRIBE(LiveApp, (), (app, objective_ms, objective_percentile, replicas, replicas_ready, sites, refusal))

struct LiveView {
  WallTime time;
  int64_t snapshot_version = 0;
  std::vector<LiveSite> sites;
  std::vector<LiveApp> apps;
  std::vector<LiveFlow> flows;
};
/// Each flow is one flat object: the fields of Flow plus "entered".
Json live_json(const LiveView& view);
Json live_schema(JsonSchemas& schemas);

}  // namespace barrio::api
