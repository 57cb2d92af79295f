#pragma once
// The control plane: what should run where, decided from desired state and told to sites when they ask.
//
// Desired state lives in the StateStore, one JSON document per key (control/desired.h); every change is one guarded
// commit. step() compares it with what sites reported and repairs the difference; it may run at any time, any number of
// times. Reports and flows are kept in memory only; what gateways decide from (a replica's phase, a gateway's address)
// is committed when it changes, so that a restarted control gives out the same snapshot.
//
// All members are called on the runtime's loop, in fibers, and may park.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "api/operator/config_views.h"
#include "api/operator/site_keys.h"
#include "api/operator/views.h"
#include "base/x509.h"
#include "control/accounts.h"
#include "control/audit.h"
#include "control/blob_store.h"
#include "control/desired.h"
#include "control/event_log.h"
#include "control/fenced_store.h"
#include "control/observed.h"
#include "control/placed_with.h"
#include "control/quota_change.h"
#include "control/usage_book.h"
#include "decide/demand/demand_book.h"
#include "decide/placement/improvement.h"
#include "decide/placement/moves.h"
#include "decide/placement/placement.h"
#include "decide/pricing/spending.h"
#include "decide/residency/copies.h"
#include "decide/rollout/rollout.h"
#include "decide/rollout/stages.h"
#include "ports/runtime.h"
#include "ports/state_store.h"
#include "ports/turn.h"

namespace barrio::control {

struct ControlConfig {
  Network network;  // imported by the first start; afterwards the state rules
  AccountsConfig accounts;
  /// Up to the first '-': what follows are parameters (crop-64x64-grey).
  std::set<std::string> builtin_models = {"people", "annotate", "crop", "decode"};
  std::optional<CertificateAuthority> site_authority =
      {};                        // signs the certificates of approved sites; none: nobody here
  bool emulated_models = false;  // apps of the backend profile are accepted, for tests
  LeadershipConfig leadership = {};
  decide::CopyPatience copies = {};
  Duration drain_grace = 30s;  // a leaving replica's requests get so long to be answered
  Duration improve_every = 60s;
  uint64_t improve_work = decide::ImprovementOptions().work;
  decide::StagePace stages = {};  // of changes of configuration
  decide::MovePace moves = {};    // of what is made elsewhere when sites are lost or drain
  size_t most_snapshot_bytes = barrio::most_snapshot_bytes;
};

/// A deployment that was not accepted: nothing changed. `refusal` where it is for lack of a place.
struct Rejected {
  Error error;
  std::optional<Refusal> refusal;
};

struct Deployed {
  App app;
  bool created = false;
  decide::AppPlacement placement;
};

struct ControlFigures {
  uint64_t steps = 0;
  uint64_t failed_steps = 0;
  uint64_t syncs = 0;
  uint64_t changes = 0;            // accepted by operators and tenants
  uint64_t rolled_back = 0;        // changes of configuration that this member saw go back
  uint64_t lost_sites = 0;         // now
  uint64_t failover_withheld = 0;  // 1: most sites are silent, and none is taken for lost for it
  uint64_t moves_wait = 0;         // replicas that are to be made elsewhere, and are not begun
};

class Control {
 public:
  /// `blobs` null: only built-in models can be deployed. `usage` null: what sites used is not taken; they keep it.
  Control(ports::Runtime& runtime, ports::StateStore& state, ControlConfig config, BlobStore* blobs = nullptr,
          UsageBook* usage = nullptr);

  /// Who leads, or finds that nobody does: loads the state, or imports the network and makes the signing key; then the
  /// first step. Who follows: loads the state. Call before all else. Errors: unavailable (a leader has yet to begin).
  Result<void> start();
  /// Leads or follows until the runtime is stopping. Who leads steps on every change and at least once a second.
  void run();
  /// Of who leads.
  Result<void> step();
  /// Of who leads: starts replicas where they serve better than those that stand, which go once these are ready. How
  /// many.
  Result<size_t> improve();
  /// Every ControlConfig::improve_every, until the runtime is stopping.
  void keep_improving();
  /// Of this member; other stores that it writes are fenced by it, too.
  Leadership& leadership() { return leadership_; }

  /// Errors: not_found (unknown site), invalid (over the limits).
  Result<SiteOrders> sync(const SiteReport& report);
  tl::expected<Deployed, Rejected> deploy(const TenantId& tenant, AppSpec spec, const Author& by = {});
  /// Deploys the spec of an earlier release again. 0: the last one before the present that was rolled out and differs.
  tl::expected<Deployed, Rejected> roll_back(const AppKey& app, int64_t generation, const Author& by = {});
  Result<api::ReleaseList> releases(const AppKey& app) const;
  /// Errors: not_found.
  Result<void> remove(const AppKey& app, const Author& by = {});
  /// Errors: not_found, conflict (the status may not follow the present one, or it still has replicas and is to be
  /// retired).
  Result<Site> set_status(const SiteId& site, SiteStatus status, const Author& by = {});
  /// A site more (control_sites.cpp), behind all that are there. False: it is there, the same but for its status.
  /// Errors: invalid as of a network file, conflict (another site with its id).
  Result<bool> add_site(const Site& site, const Author& by = {});
  /// What a site has, as in a network file; its status stays. Power, its caps included, changes at any time: what has
  /// no room any more leaves. The rest changes while nothing runs there. False: it is as it was. Errors: not_found,
  /// invalid, conflict (who or where it is, or something runs there).
  Result<bool> set_site(const Site& site, const Author& by = {});
  /// What the site speaks to control with. `replace`: a new secret, where it has one. Errors: not_found, conflict.
  Result<api::SiteCredentials> add_site_account(const SiteId& site, bool replace, const Author& by = {});
  /// By id or by city, whatever its case and accents. Errors: not_found with the nearest, invalid (a city with
  /// several).
  Result<SiteId> find_site(std::string_view id_or_city) const;

  // Keys of sites (control_site_keys.cpp), where sites have certificates.
  /// A site speaks over a connection with this key. That of a site which was in the network before keys were approved
  /// is taken over, once. Errors: denied (it is not approved: it waits for that from now on, or has ended), exhausted,
  /// unavailable.
  Result<void> admit_key(const SiteId& site, const std::string& fingerprint);
  /// The same of a site that has yet to get its certificate. Errors: not_found, invalid (the request), denied (its key
  /// has ended), exhausted, unavailable.
  Result<api::JoinAnswer> join(const SiteId& site, const api::JoinRequest& request);
  /// One that is approved already is no error. Errors: not_found, invalid, conflict (no such key waits), unavailable.
  Result<api::SiteKeyView> approve_key(const SiteId& site, const std::string& fingerprint, const Author& by = {});
  /// All that the site has or had, and it is let in again with another key; or one key, which may be revoked already.
  /// Errors: not_found, invalid, conflict (it has none), exhausted.
  Result<api::SiteKeyList> revoke_keys(const SiteId& site, const api::SiteKeyRevocation& wanted = {},
                                       const Author& by = {});
  std::vector<api::SiteKeyView> site_keys() const;

  Result<api::AppAnswer> app(const AppKey& key) const;
  std::vector<api::AppAnswer> apps(const TenantId& tenant) const;
  Result<api::ExplainView> explain(const AppKey& key) const;
  /// `viewer`: what belongs to other tenants is left out; empty: the operator sees all.
  Result<api::SiteView> site(const SiteId& id, const TenantId& viewer = {}) const;
  std::vector<api::SiteView> sites(const TenantId& viewer = {}) const;
  api::LiveView live(const TenantId& viewer = {}) const;
  Result<std::vector<api::TenantView>> tenants();
  /// Whether a machine of this site has ever reported where its gateway is.
  bool has_heard(const SiteId& site) const { return desired_.gateways.contains(site.str()); }
  /// Errors: not_found.
  Result<api::TenantView> tenant(const TenantId& name) const;
  /// Errors: conflict (exists).
  Result<api::TenantCredentials> add_tenant(const TenantId& tenant, const Author& by = {});
  /// Of a request that may come again. Errors: invalid (its key), unavailable.
  Result<std::optional<Once>> once(const net::Request& request, const std::string& subject);
  Result<void> keep_answer(const Once& once, const net::Response& answer);
  /// From and before; `viewer` empty: all. Errors: unavailable.
  Result<std::vector<api::AuditEntry>> audit(WallTime from, WallTime to, const TenantId& viewer);

  /// What it is then. Errors: not_found, invalid naming the field.
  Result<TenantQuota> set_quota(const TenantId& tenant, const TenantQuota& quota, const Author& by = {});
  /// The same for a part of it.
  Result<TenantQuota> change_quota(const TenantId& tenant, const QuotaChange& change, const Author& by = {});
  /// Errors: not_found (tenant), invalid (scopes, lifetime), exhausted (too many keys).
  Result<api::IssuedKey> create_key(const TenantId& tenant, const api::NewKey& wanted, const Author& by = {});
  std::vector<api::KeyView> keys(const TenantId& tenant) const;
  /// Gateways refuse it from their next snapshot on. Errors: not_found.
  Result<void> revoke_key(const TenantId& tenant, const std::string& id, const Author& by = {});

  /// Values that apps name and nobody reads back. Errors: invalid (name, more than 64 KiB), exhausted, not_found.
  Result<void> set_secret(const TenantId& tenant, const std::string& name, const std::string& value,
                          const Author& by = {});
  Result<void> remove_secret(const TenantId& tenant, const std::string& name, const Author& by = {});
  std::vector<std::string> secrets(const TenantId& tenant) const;

  // Configuration (control_config.cpp): what it is, and how it comes to the sites, says decide/rollout/stages.h.
  /// `viewer`: only changes of this tenant; empty: all, and which sites do not take what they were given.
  api::ConfigView config(const TenantId& viewer = {}) const;
  /// What the network is to have, whether it has come to all sites or not.
  NetworkSettings network_settings() const;
  /// Errors: invalid (an operator that owns a site is missing, over the limits).
  Result<void> set_network_settings(const NetworkSettings& settings, const Author& by);
  /// One that failed begins again at one site. Errors: not_found (no such change), conflict (it has not failed).
  Result<void> retry_config(const std::string& what, const Author& by);
  /// All sites get it now, whatever is known of it. Errors: not_found.
  Result<void> force_config(const std::string& what, const Author& by);

  // Storage (control_storage.cpp).
  /// What a site's storage should know, where that is not what it has. Errors: not_found (the site), invalid,
  /// unavailable.
  Result<StorageAnswer> storage(const SiteId& site, const StorageReport& report);
  /// One that this tenant has is answered as it is. `asked_at`: a site that a tenant asked. Errors: conflict (the name
  /// is another's), not_found (tenant, location), denied (the policy permits no site), invalid (it permits
  /// fewer than the copies), exhausted, unavailable.
  Result<Bucket> create_bucket(const TenantId& tenant, const NewBucket& wanted, const std::optional<SiteId>& asked_at,
                               const Author& by);
  /// How many sites keep it from now on; new ones are brought in step before they count. Errors: not_found, invalid
  /// (the policy permits fewer), conflict (more, for a tenant at its spend cap), unavailable.
  Result<void> set_copies(const TenantId& tenant, const BucketName& name, const BucketCopies& wanted, const Author& by);
  /// What a bucket's home says of a follower; the bucket as it is then. Errors: not_found, denied (not the home),
  /// conflict (of another epoch).
  Result<Bucket> report_copy(const SiteId& home, const CopyReport& report);
  /// By its home, which knows that it is empty. Errors: denied.
  Result<void> delete_bucket(const BucketName& name, const SiteId& by);
  std::vector<api::BucketView> buckets(const TenantId& tenant) const;
  /// Errors: not_found (tenant), exhausted.
  Result<api::IssuedS3Key> create_s3_key(const TenantId& tenant, const Author& by);
  std::vector<api::S3KeyView> s3_keys(const TenantId& tenant) const;
  Result<void> revoke_s3_key(const TenantId& tenant, const std::string& id, const Author& by);

  // Erasing what a tenant has in storage (control_erasure.cpp).
  /// Its keys go at every site; its buckets and S3 keys end, and it gets no others. One that is under way is no error.
  /// Errors: not_found (tenant).
  Result<api::ErasureView> erase_tenant(const TenantId& tenant, const Author& by);
  /// Errors: not_found (nobody asked for it).
  Result<api::ErasureView> erasure(const TenantId& tenant) const;

  /// Keeps an uploaded model or image for this tenant. Errors: invalid, exhausted, unavailable, unsupported.
  Result<void> add_model(const TenantId& tenant, const std::string& sha256, const std::string& bytes,
                         const Author& by = {});
  /// From and for another member of control: this one's own disk. Errors: those of BlobStore.
  Result<void> take_copy(const std::string& sha256, const std::string& bytes);
  Result<std::string> give_copy(const std::string& sha256);
  /// `tenant` empty: for a site, which may read all. Errors: not_found, unavailable.
  Result<std::string> model(const TenantId& tenant, const std::string& sha256);

  Accounts& accounts() { return accounts_; }
  EventLog& events() { return events_; }
  /// What is used from an hour on costs. Only the first list may be of the past. Errors: invalid, exhausted,
  /// unavailable.
  Result<void> set_prices(const PriceList& list, const Author& by = {});
  /// The oldest first.
  const std::vector<PriceList>& prices() const { return desired_.prices; }

  // What tenants may spend (control_spending.cpp).
  /// Errors: not_found (tenant), invalid (no money), unsupported (usage is not kept here).
  Result<void> set_spend_cap(const TenantId& tenant, Euros cap, const Author& by = {});
  /// Errors: not_found (tenant, or it has none).
  Result<void> remove_spend_cap(const TenantId& tenant, const Author& by = {});
  /// Of who leads, once a second: looks at what came from sites, tells which marks are reached, and stops who has
  /// reached the cap. Errors: unavailable, conflict.
  Result<void> count_spending();
  /// None: it has no cap.
  std::optional<api::SpendingView> spending(const TenantId& tenant) const;

  /// Null: not kept here.
  const UsageBook* usage() const { return usage_; }
  /// The last snapshot; never null after start().
  std::shared_ptr<const Snapshot> snapshot() const {
    return given_ ? std::shared_ptr<const Snapshot>(given_, &given_->snapshot) : nullptr;
  }
  WallTime wall() { return runtime_.wall(); }
  const ControlFigures& figures() const { return figures_; }
  const StoreFigures& store_figures() const { return state_.figures(); }

 private:
  using Writes = std::vector<ports::Write>;
  Result<void> import_network();
  bool leads() const;
  Result<void> begin_to_lead();
  Result<void> follow();
  void turn();
  Result<void> load();
  Result<void> step_holding();
  Result<void> step_once();
  Result<void> decide_and_write();
  void place();
  void gather(Writes& writes, std::vector<ports::Guard>& guards) const;
  void gather_replicas(Writes& writes) const;
  // Replicas on draining sites (control_leaving.cpp).
  enum class Leave { not_leaving, lost, stays, waits, goes };
  Leave leave_of(const ReplicaId& id, const AppKey& app) const;
  void note_leaving();
  bool has_left(const decide::PlacedReplica& replica) const;
  Duration ready_within(const AppKey& app) const;
  bool is_awaited(const decide::PlacedReplica& wanted) const;
  std::string leave_text(const Replica& replica) const;
  Result<void> check_empty(const Site& site) const;
  // Sites that are lost and come back, and what is made elsewhere (control_failover.cpp).
  void hear_sites_anew();
  void note_lost();
  Duration silence(const SiteId& site) const;
  void hear_lost(const SiteId& site, bool most_are_silent);
  void note_moves();
  std::map<SiteId, size_t> starting_now();
  bool has_to_wait(const ReplicaId& replica) const { return waiting_.contains(replica); }
  void note_served();
  bool served_since_return(const decide::PlacedReplica& replica) const;
  bool is_away() const;
  std::set<SiteId> unheard_sites() const;
  /// As they reported last.
  std::map<SiteId, SiteRuns> runs_of_sites() const;
  decide::AtUnheard at_unheard() const;
  std::string loss_text(const SiteId& site) const;
  void tell_lost();
  decide::PlacementOptions placement_options() const;
  const Replica* known_replica(const ReplicaId& id) const;
  bool differs(const SiteReport& report) const;
  ReplicaOrder order_of(const Replica& replica, const App& app) const;
  // Releases (control_rollout.cpp).
  const Release* release_of(const AppKey& app, int64_t generation) const;
  const Release* last_good(const AppKey& app) const;
  int64_t target_of(const App& app) const;
  std::vector<App> sized_apps() const;
  // Demand (control_demand.cpp).
  /// Of apps of the same state.
  static bool same_demand(const std::vector<App>& a, const std::vector<App>& b);
  void start_demand();
  void note_apps();
  bool sleeps(const App& app) const;
  int standing(const AppKey& app) const;
  App with_demand(App app) const;
  std::string demand_text(const App& app) const;
  std::vector<api::LiveApp> live_apps(const TenantId& viewer) const;
  void gather_demand(Writes& writes);
  void roll_releases();
  void gather_releases(Writes& writes) const;
  std::vector<decide::RolloutReplica> rollout_replicas(const App& app);
  void add_release(Writes& writes, const App& app) const;
  api::ReleaseView release_view(const Release& release) const;
  /// One state of the store: what is to be, and what of it has come to whom.
  struct Given {
    Snapshot snapshot;
    std::map<std::string, decide::StagedChange> staged;
  };
  void publish();
  Result<void> check_snapshot(const Snapshot& next, const std::string& text) const;
  static Snapshot snapshot_for(const SiteId& site, const Given& given);
  void give_snapshot(const SiteReport& report, const Given& given, SiteOrders& orders);
  int64_t refused_version(const SiteReport& report) const;
  void note_given();
  Result<void> check_model(const TenantId& tenant, const ModelSource& model);
  Result<void> check_upload(const TenantId& tenant, const std::string& sha256, const std::string& where);
  Result<void> check_server(const TenantId& tenant, const ServerSpec& server, const std::string& where);
  Result<void> check_archive(const ProgramSpec& program);
  Result<void> check_models(const TenantId& tenant, const AppSpec& spec);
  decide::AppPlacement plan(const App& app) const;
  /// What a change writes, and what its entry in the audit says. Nothing written: nothing changes.
  struct Edit {
    std::vector<ports::Guard> guards;
    Writes writes;
    std::string detail = {};
  };
  using QuotaEdit = std::function<TenantQuota(const TenantQuota& present)>;
  Result<TenantQuota> edit_quota(const TenantId& tenant, const QuotaEdit& edit, const Author& by);
  TenantQuota quota_of(const TenantId& tenant) const;
  /// Adds to it what makes the settings that it changes come to one site first.
  Result<void> stage(Edit& edit, const Act& act) const;
  Result<void> stage_one(Edit& edit, const ports::Write& write, const Act& act) const;
  std::optional<Settings> present_settings(const std::string& what) const;
  Result<void> check_room_in_snapshot(const Edit& edit) const;
  bool only_takes_away(const ports::Write& write) const;
  void count_rolled_back(const Desired& before);
  void roll_config();
  void roll_one(const decide::StagedChange& change, bool may_move);
  void move_back(decide::StagedChange change, const std::string& why);
  void note_health();
  std::vector<decide::StageSite> stage_sites(const decide::StagedChange& change) const;
  /// Since when all that have it and take part hold it; fills in the times of each.
  Duration stage_times(const decide::StagedChange& change, std::vector<decide::StageSite>& sites);
  Result<const decide::StagedChange*> known_change(const std::string& what) const;
  SiteKeys keys_of(const SiteId& site) const;
  std::vector<std::string> revoked_keys() const;
  Result<void> known_site(const SiteId& site) const;
  Result<void> check_in_network(const Site& site) const;
  Result<void> check_nothing_runs(const SiteId& site) const;
  Result<api::SiteKeyState> hear_key(const SiteId& site, const std::string& fingerprint, Proof proof);
  std::map<std::string, std::string> without_cut_off(std::map<std::string, std::string> by_site) const;
  StorageOrders storage_orders() const;
  decide::CopyWorld copy_world(const std::string& bucket);
  Result<void> keep_copies();
  void hear_holdings(const SiteId& site, const std::map<std::string, BucketHolding>& holdings);
  Result<void> end_erased();
  Result<void> note_erased(const SiteId& site, const std::vector<TenantId>& tenants);
  Result<void> not_erased(const TenantId& tenant) const;
  Result<Edit> try_create_bucket(const TenantId& tenant, const NewBucket& wanted, const std::optional<SiteId>& asked_at,
                                 Bucket& made);
  Result<Edit> try_deploy(const TenantId& tenant, const AppSpec& spec, std::optional<Deployed>& deployed,
                          std::optional<Refusal>& refusal);
  /// Commits what `edit` says after a fresh load, again on conflict, then steps.
  Result<void> change(const Act& act, const std::function<Result<Edit>()>& edit);
  void note_spending(const SiteId& site, const UsageShipment& shipment);
  void drop_tallies();
  Result<void> count_one(const TenantId& tenant, WallTime month);
  Result<void> recount(const TenantId& tenant, WallTime month);
  /// None: not added up yet.
  std::optional<Euros> spent_in(const TenantId& tenant, WallTime month) const;
  Result<void> tell_spending();
  std::map<std::string, SpendStop> spend_stops() const;
  /// None: it has not reached its cap.
  std::optional<SpendStop> spend_stop(const TenantId& tenant) const;
  /// None: this may be deployed, whatever its tenant has spent.
  std::optional<Refusal> over_spend_cap(const TenantId& tenant, const AppSpec* before, const AppSpec& after) const;
  ports::Write audit_entry(const Act& act, const std::string& detail);
  void forget_old();
  const App* find_app(const AppKey& key) const;
  Result<const App*> known_app(const AppKey& key) const;
  Result<void> known_tenant(const TenantId& tenant) const;
  std::vector<api::DecisionView> decisions(const decide::AppPlacement& placement) const;
  api::AppAnswer answer(const App& app) const;
  Watts power_used(const SiteId& site) const;
  api::TenantView tenant_view(const TenantId& name) const;
  api::SiteView site_view(const Site& site, const TenantId& viewer) const;

  ports::Runtime& runtime_;
  const ControlConfig config_;
  Leadership leadership_;
  FencedStore state_;
  BlobStore* blobs_;
  UsageBook* usage_;
  Accounts accounts_;
  Observed observed_;
  EventLog events_;
  ports::Turn stepping_;
  ports::Turn counting_;  // what is spent
  std::unique_ptr<ports::Signal> changed_;
  Documents documents_;
  Desired desired_;  // as of the last load()
  decide::DemandBook demand_;
  bool shapes_known_ = false;                             // what the store has is in demand_
  std::set<AppKey> due_shapes_;                           // that the store has yet to be told
  Time demand_since_;                                     // that this member hears of it
  std::map<AppKey, std::pair<int64_t, Time>> seen_apps_;  // generation, and since when this member knows it
  std::map<AppKey, decide::AppPlacement> placements_;
  uint64_t audited_ = 0;                    // entries that this member wrote
  Time old_looked_;                         // for what is too old, last
  PlacedWith placed_with_;                  // what placements_ are of
  ports::Revision improved_revision_ = -1;  // in which no better place was found...
  std::vector<App> improved_apps_;          // ... with this demand
  std::map<ReplicaId, Time> going_since_;   // replicas that were let go
  struct Lost {
    Time since;                // of its silence
    std::optional<Time> back;  // it is heard again since
  };
  std::map<SiteId, Lost> lost_;
  Time lets_go_from_;                                      // before, this member has yet to see which sites stay
  Time first_light_until_;                                 // of a network in which nobody has spoken yet
  std::map<SiteId, Time> returned_;                        // since they count again, of those for which that is news
  std::set<std::pair<AppKey, SiteId>> served_;             // requests, by sites that are back, in this step
  std::set<AppKey> asked_;                                 // of gateways, while sites are back
  std::map<ReplicaId, std::string> waiting_;               // that are to be made elsewhere, and what each waits for
  std::vector<ReplicaId> begun_;                           // of them, in this step and in their order
  std::set<ReplicaId> advancing_;                          // to their app's target, in this step
  std::map<AppKey, std::string> stuck_;                    // why the first release of an app fails, as of this step
  std::map<std::string, Release> ended_;                   // key -> as it ended in this step: done or stopped
  std::map<ReplicaId, std::pair<int64_t, Time>> ordered_;  // generation that each was told to run, and since when
  struct Staging {
    struct At {
      Time given;
      std::optional<Time> waits;  // since it speaks to control without having it
    };
    ports::Revision revision = 0;  // of the record that these are of
    std::map<SiteId, At> sites;    // that were given it
    std::optional<Time> held;      // since all of them that take part have it
  };
  std::map<std::string, Staging> staging_;                          // by what is changed
  std::map<SiteId, std::map<std::string, decide::Health>> health_;  // in this step
  Time moved_;                                                      // when changes last went on
  Writes stage_writes_;                                             // of this step
  std::string snapshot_fault_;                                      // why the newest is not given out; empty: it is
  size_t snapshot_bytes_ = 0;
  std::shared_ptr<const Given> given_;  // null: no snapshot yet
  bool gives_ = false;                  // it is of this leadership
  struct GivenTo {
    int64_t version = 0;
    Time at;
  };
  std::map<SiteId, GivenTo> given_to_;  // the last snapshot, by this leader
  std::string storage_published_;       // orders of storage, without their version
  int64_t storage_version_ = 0;
  struct SeenStorage {
    Time last;
    std::set<std::string> incomplete;  // ids of buckets
  };
  std::map<SiteId, SeenStorage> seen_storage_;
  std::map<std::string, std::pair<SiteId, BucketHolding>> holdings_;  // by bucket's id, of its home
  struct Spending {
    decide::SpendTally tally;
    bool whole = false;   // all rows of the store are in it...
    bool missed = false;  // ... but one that came since
  };
  std::map<TenantId, Spending> spending_;    // of tenants with a cap, by this leader
  std::vector<PriceList> spending_prices_;   // that they are added up by
  int64_t hearer_ = 0;                       // this leadership among all: whose memory holdings_ is
  Time storage_since_;                       // that this member hears of it: nobody is lost for a silence before
  std::string published_;                    // its content without the version, and what it is staged by
  ports::Revision published_revision_ = -1;  // of the state it was made from
  ports::Revision followed_ = 0;             // of the store, when it was last looked at
  uint64_t led_ = 0;                         // which lead of this member what is in memory is of; 0: none
  ControlFigures figures_;
};

}  // namespace barrio::control
