#include "control/desired.h"

#include <algorithm>

namespace barrio::control {

namespace {

struct StoredNetwork {
  std::string name;
  std::vector<Operator> operators;
  PathModel paths;
};
BARRIO_DESCRIBE(StoredNetwork, (), (name, operators, paths))

struct StoredSite {
  int64_t order = 0;  // sites keep the order of the network file
  Site site;
};
BARRIO_DESCRIBE(StoredSite, (), (order, site))

struct StoredGateway {
  std::string address;
};
BARRIO_DESCRIBE(StoredGateway, (), (address))

struct StoredSecret {
  std::string value;
};
BARRIO_DESCRIBE(StoredSecret, (), (value))

constexpr std::string_view gateway_prefix = "gateway/";
constexpr std::string_view site_keys_prefix = "site_keys/";
constexpr std::string_view storage_prefix = "storage/";
constexpr std::string_view secret_prefix = "secret/";
constexpr std::string_view prices_prefix = "prices/";
constexpr std::string_view demand_prefix = "demand/";
constexpr std::string_view staged_prefix = "staged/";

Result<void> read_other(const ports::Entry& entry, Documents& documents, Desired& desired) {
  const std::string_view key = entry.key;
  if (key.starts_with("bucket/")) {
    TRY(auto bucket, documents.read<Bucket>(entry));
    desired.buckets.push_back(std::move(bucket));
  } else if (key.starts_with("s3_key/")) {
    TRY(auto s3_key, documents.read<S3Key>(entry));
    desired.s3_keys.push_back(std::move(s3_key));
  } else if (key.starts_with("erasure/")) {
    TRY(auto erasure, documents.read<Erasure>(entry));
    const TenantId tenant = erasure.tenant;
    desired.erasures[tenant] = std::move(erasure);
  } else if (key.starts_with(staged_prefix)) {
    TRY(auto change, documents.read<decide::StagedChange>(entry));
    const std::string what = change.what;
    desired.staged[what] = std::move(change);
  } else if (key.starts_with("spend_cap/")) {
    TRY(auto cap, documents.read<SpendCap>(entry));
    const TenantId tenant = cap.tenant;
    desired.spend_caps[tenant] = std::move(cap);
  } else if (key.starts_with(storage_prefix)) {
    TRY(auto storage, documents.read<StoredGateway>(entry));
    desired.storage_sites[entry.key.substr(storage_prefix.size())] = std::move(storage.address);
  }
  return {};
}

Result<void> read_entry(const ports::Entry& entry, Documents& documents, Desired& desired,
                        std::vector<StoredSite>& sites) {
  const std::string_view key = entry.key;
  if (key == key::network) {
    TRY(auto network, documents.read<StoredNetwork>(entry));
    desired.network.name = std::move(network.name);
    desired.network.operators = std::move(network.operators);
    desired.network.paths = std::move(network.paths);
  } else if (key.starts_with("site/")) {
    TRY(auto site, documents.read<StoredSite>(entry));
    sites.push_back(std::move(site));
  } else if (key.starts_with("app/")) {
    TRY(auto app, documents.read<App>(entry));
    desired.apps.push_back(std::move(app));
  } else if (key.starts_with("release/")) {
    TRY(auto release, documents.read<Release>(entry));
    desired.releases[release.app].push_back(std::move(release));
  } else if (key.starts_with("replica/")) {
    TRY(auto replica, documents.read<Replica>(entry));
    desired.replicas.push_back(std::move(replica));
  } else if (key.starts_with(gateway_prefix)) {
    TRY(auto gateway, documents.read<StoredGateway>(entry));
    desired.gateways[entry.key.substr(gateway_prefix.size())] = std::move(gateway.address);
  } else if (key.starts_with(site_keys_prefix)) {
    TRY(auto keys, documents.read<SiteKeys>(entry));
    const SiteId site = keys.site;
    desired.site_keys[site] = std::move(keys);
  } else if (key.starts_with("tenant/")) {
    TRY(auto tenant, documents.read<TenantRecord>(entry));
    if (tenant.quota) desired.quotas[tenant.name.str()] = *tenant.quota;
  } else if (key.starts_with(secret_prefix)) {
    TRY(auto secret, documents.read<StoredSecret>(entry));
    desired.secrets[entry.key.substr(secret_prefix.size())] = std::move(secret.value);
  } else if (key.starts_with(demand_prefix)) {
    TRY(auto shape, documents.read<decide::DailyShape>(entry));
    desired.shapes.push_back(std::move(shape));
  } else if (key.starts_with(prices_prefix)) {
    TRY(auto prices, documents.read<PriceList>(entry));
    desired.prices.push_back(std::move(prices));
  } else if (key.starts_with("api_key/")) {
    TRY(auto api_key, documents.read<ApiKey>(entry));
    desired.api_keys.push_back(std::move(api_key));
  } else {
    return read_other(entry, documents, desired);
  }
  return {};
}

}  // namespace

namespace key {
std::string site(const SiteId& id) {
  return "site/" + id.str();
}
std::string app(const AppKey& app) {
  return "app/" + app.str();
}
std::string release(const AppKey& app, int64_t generation) {
  std::string number = std::to_string(generation);
  number.insert(0, 12 - std::min<size_t>(12, number.size()), '0');
  return "release/" + app.str() + "/" + number;
}
std::string replica(const ReplicaId& id) {
  return "replica/" + id.str();
}
std::string prices(WallTime from) {
  return std::string(prices_prefix) + to_string(from);
}
std::string demand(const AppKey& app) {
  return std::string(demand_prefix) + app.str();
}
std::string gateway(const SiteId& site) {
  return std::string(gateway_prefix) + site.str();
}
std::string site_keys(const SiteId& site) {
  return std::string(site_keys_prefix) + site.str();
}
std::string blob(const TenantId& tenant, const std::string& sha256) {
  return "blob/" + tenant.str() + "/" + sha256;
}
std::string secret(const TenantId& tenant, const std::string& name) {
  return std::string(secret_prefix) + tenant.str() + "/" + name;
}
std::string tenant(const TenantId& tenant) {
  return "tenant/" + tenant.str();
}
std::string api_key(const TenantId& tenant, const std::string& id) {
  return "api_key/" + tenant.str() + "/" + id;
}
std::string bucket(const BucketName& name) {
  return "bucket/" + name.str();
}
std::string s3_key(const TenantId& tenant, const std::string& id) {
  return "s3_key/" + tenant.str() + "/" + id;
}
std::string storage(const SiteId& site) {
  return std::string(storage_prefix) + site.str();
}
std::string erasure(const TenantId& tenant) {
  return "erasure/" + tenant.str();
}
std::string spend_cap(const TenantId& tenant) {
  return "spend_cap/" + tenant.str();
}
std::string staged(const std::string& what) {
  return std::string(staged_prefix) + what;
}
}  // namespace key

ports::Revision Desired::revision_of(const std::string& key) const {
  auto found = revisions.find(key);
  return found == revisions.end() ? 0 : found->second;
}

std::vector<decide::PlacedReplica> placed(const Desired& desired) {
  std::vector<decide::PlacedReplica> present;
  for (const Replica& replica : desired.replicas) {
    present.push_back({replica.id, replica.app, replica.site, replica.seat});
  }
  return present;
}

void Documents::end_turn() {
  std::erase_if(kept_, [this](const auto& entry) { return entry.second.turn != turn_; });
  ++turn_;
}

Result<Desired> read_desired(const ports::Listing& listing, Documents& documents) {
  Desired desired;
  desired.revision = listing.revision;
  std::vector<StoredSite> sites;
  for (const ports::Entry& entry : listing.entries) {
    desired.revisions.emplace_hint(desired.revisions.end(), entry.key, entry.revision);
    desired.sizes.emplace_hint(desired.sizes.end(), entry.key, entry.value.size());
    TRY_DO(read_entry(entry, documents, desired, sites));
  }
  documents.end_turn();
  for (auto& [app, releases] : desired.releases) std::ranges::sort(releases, {}, &Release::generation);
  std::ranges::sort(desired.prices, {}, &PriceList::from);
  std::ranges::stable_sort(sites, {}, &StoredSite::order);
  for (StoredSite& stored : sites) desired.network.sites.push_back(std::move(stored.site));
  if (const auto held = desired.staged.find(key::network); held != desired.staged.end()) {
    desired.coming = settings_of(desired.network);
    desired.network.operators = held->second.held.network->operators;
    desired.network.paths = held->second.held.network->paths;
  }
  return desired;
}

Result<NetworkSettings> read_network_settings(const ports::Entry& entry) {
  TRY(auto network, read_json<StoredNetwork>(entry));
  return NetworkSettings{std::move(network.operators), std::move(network.paths)};
}

std::vector<ports::Write> import_writes(const Network& network) {
  std::vector<ports::Write> writes;
  writes.push_back(write_json(key::network, StoredNetwork{network.name, network.operators, network.paths}));
  for (const Site& site : network.sites) {
    writes.push_back(write_json(key::site(site.id), StoredSite{static_cast<int64_t>(writes.size()), site}));
  }
  return writes;
}

ports::Write write_site(const Desired& desired, const Site& site) {
  const auto& sites = desired.network.sites;
  const auto place = std::ranges::find(sites, site.id, &Site::id) - sites.begin();
  return write_json(key::site(site.id), StoredSite{place + 1, site});
}

ports::Write write_network(const Desired& desired, const NetworkSettings& settings) {
  return write_json(key::network, StoredNetwork{desired.network.name, settings.operators, settings.paths});
}

ports::Write write_secret(const TenantId& tenant, const std::string& name, const std::string& value) {
  return write_json(key::secret(tenant, name), StoredSecret{value});
}

ports::Write write_storage(const SiteId& site, const std::string& address) {
  return write_json(key::storage(site), StoredGateway{address});
}

ports::Write write_gateway(const SiteId& site, const std::string& address) {
  return write_json(key::gateway(site), StoredGateway{address});
}

}  // namespace barrio::control
