#pragma once
// Desired state as it is kept in the StateStore, one JSON document per key:
//   network                 name, operators, delay priors
//   site/<id>               a site and its place in the order
//   app/<tenant>/<name>     App
//   release/<tenant>/<name>/<generation>  Release
//   replica/<id>            Replica
//   gateway/<site>          where its gateway is reached
//   site_keys/<site>        SiteKeys: which keys it may speak with
//   placement               guard of all placement decisions
//   prices/<time>           PriceList: from then on
//   demand/<tenant>/<name>  DailyShape: when how much is asked of the app
//   tenant/<name>           TenantRecord
//   api_key/<tenant>/<id>   ApiKey
//   blob/<tenant>/<sha256>  who uploaded which model or image
//   bucket/<name>           Bucket
//   staged/<key>            StagedChange: the settings in the document <key> have not come to all sites
//   s3_key/<tenant>/<id>    S3Key
//   storage/<site>          where its S3 service is reached
//   erasure/<tenant>        Erasure: its keys are to go at all sites
//   spend_cap/<tenant>      SpendCap
//   secret/<tenant>/<name>  a value that goes to the sites of the apps that name it, and nowhere else
//   account/<client>, key/signing  (control/accounts.h)

#include <any>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "control/site_keys.h"
#include "decide/demand/demand_book.h"
#include "decide/placement/placement.h"
#include "decide/rollout/stages.h"
#include "model/bucket.h"
#include "model/prices.h"
#include "model/snapshot.h"
#include "ports/state_store.h"

namespace barrio::control {

namespace key {
inline constexpr const char* network = "network";
inline constexpr const char* placement = "placement";
std::string site(const SiteId& id);
std::string app(const AppKey& app);
std::string release(const AppKey& app, int64_t generation);
std::string replica(const ReplicaId& id);
std::string prices(WallTime from);
std::string demand(const AppKey& app);
std::string gateway(const SiteId& site);
std::string site_keys(const SiteId& site);
std::string blob(const TenantId& tenant, const std::string& sha256);
std::string secret(const TenantId& tenant, const std::string& name);
std::string tenant(const TenantId& tenant);
std::string api_key(const TenantId& tenant, const std::string& id);
std::string bucket(const BucketName& name);
std::string s3_key(const TenantId& tenant, const std::string& id);
std::string storage(const SiteId& site);
std::string erasure(const TenantId& tenant);
std::string staged(const std::string& what);
std::string spend_cap(const TenantId& tenant);
}  // namespace key

/// rolling: on its way to all sites; stopped: failed at one, the sites go back to the last that is done.
enum class ReleaseState { rolling, done, stopped, replaced };
BARRIO_DESCRIBE_ENUM(ReleaseState, rolling, done, stopped, replaced)

/// What was deployed under an app's name, one for each generation.
struct Release {
  AppKey app;
  int64_t generation = 0;
  AppSpec spec;
  ReleaseState state = ReleaseState::rolling;
  std::string detail;  // why it stopped
  WallTime at;
};
BARRIO_DESCRIBE(Release, (), (app, generation, spec, state, detail, at))

struct TenantRecord {
  TenantId name;
  std::optional<TenantQuota> quota;  // none: the default
};
BARRIO_DESCRIBE(TenantRecord, (), (name, quota))

/// What a tenant has in storage ends for good.
struct Erasure {
  TenantId tenant;
  WallTime at;
  std::map<std::string, WallTime> done;  // site -> when it said that its keys are gone
};
BARRIO_DESCRIBE(Erasure, (), (tenant, at, done))

/// What a tenant may spend in a calendar month, and how far it has come.
struct SpendCap {
  TenantId tenant;
  Euros cap;
  WallTime since;        // that it was set, or last raised
  WallTime month;        // that the rest is of, its first instant
  int told = 0;          // the highest of decide::spend_marks that was reached; 0: none
  bool reached = false;  // the tenant is held to it until the month ends
  Euros spent;           // when one of these two became so
  bool operator==(const SpendCap&) const = default;
};
BARRIO_DESCRIBE(SpendCap, (), (tenant, cap, since, month, told, reached, spent))

struct Desired {
  ports::Revision revision = 0;  // of the store when it was read
  /// With the settings that are held: placement goes by what has proven itself.
  Network network;
  std::optional<NetworkSettings> coming;            // that the network is to have; none: it has them
  std::vector<App> apps;                            // by their keys
  std::vector<Replica> replicas;                    // by id
  std::map<AppKey, std::vector<Release>> releases;  // the oldest first
  std::map<std::string, std::string> gateways;
  std::map<SiteId, SiteKeys> site_keys;              // of sites that have asked once
  std::map<std::string, TenantQuota> quotas;         // of tenants that have one of their own
  std::vector<ApiKey> api_keys;                      // by tenant and id
  std::vector<Bucket> buckets;                       // by name
  std::vector<S3Key> s3_keys;                        // by tenant and id
  std::map<std::string, std::string> storage_sites;  // site -> address of its S3 service
  std::map<TenantId, Erasure> erasures;
  std::map<std::string, decide::StagedChange> staged;  // by what it is about
  std::map<std::string, std::string> secrets;          // "tenant/name" -> value
  std::vector<PriceList> prices;                       // the oldest first
  std::map<TenantId, SpendCap> spend_caps;
  std::vector<decide::DailyShape> shapes;            // by app
  std::map<std::string, ports::Revision> revisions;  // key -> when it was last written
  std::map<std::string, size_t> sizes;               // key -> bytes of its document

  /// For guards; 0: not there.
  ports::Revision revision_of(const std::string& key) const;
  ports::Guard guard(const std::string& key) const { return {key, revision_of(key)}; }
};

/// The replicas, as placement knows them.
std::vector<decide::PlacedReplica> placed(const Desired& desired);

/// The writes that make an empty store hold this network.
std::vector<ports::Write> import_writes(const Network& network);
ports::Write write_site(const Desired& desired, const Site& site);
ports::Write write_network(const Desired& desired, const NetworkSettings& settings);
ports::Write write_secret(const TenantId& tenant, const std::string& name, const std::string& value);
ports::Write write_storage(const SiteId& site, const std::string& address);
ports::Write write_gateway(const SiteId& site, const std::string& address);

template <class T>
ports::Write write_json(std::string key, const T& value) {
  return {std::move(key), print_json(to_json(value))};
}

/// Of a document `network` as it is stored. Errors: unavailable.
Result<NetworkSettings> read_network_settings(const ports::Entry& entry);

/// One stored document. Errors: unavailable, naming the key.
template <class T>
Result<T> read_json(const ports::Entry& entry) {
  auto damaged = [&](const Error& error) {
    return fail(Code::unavailable, "the stored document cannot be read: " + error.text(), entry.key);
  };
  auto json = parse_json(entry.value);
  if (!json) return damaged(json.error());
  auto value = from_json<T>(*json);
  if (!value) return damaged(value.error());
  return value;
}

/// Documents of one store as they were last read, so that only those are read anew that were written since.
class Documents {
 public:
  /// Errors: those of read_json.
  template <class T>
  Result<T> read(const ports::Entry& entry) {
    Kept& kept = kept_[entry.key];
    kept.turn = turn_;
    const T* known = kept.revision == entry.revision ? std::any_cast<T>(&kept.value) : nullptr;
    if (known != nullptr) return *known;
    kept.value.reset();
    TRY(T value, read_json<T>(entry));
    kept.revision = entry.revision;
    kept.value = value;
    return value;
  }
  /// Forgets those that were not read since it was last called.
  void end_turn();

 private:
  struct Kept {
    ports::Revision revision = 0;
    std::any value;
    uint64_t turn = 0;  // in which it was last read
  };
  std::unordered_map<std::string, Kept> kept_;
  uint64_t turn_ = 0;
};

/// Errors: unavailable, naming the key that cannot be read.
Result<Desired> read_desired(const ports::Listing& listing, Documents& documents);

}  // namespace barrio::control
