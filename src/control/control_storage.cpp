// Buckets, and the keys that S3 requests are signed with.

#include <fmt/format.h>

#include <algorithm>

#include "base/base64.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/text.h"
#include "control/control.h"
#include "decide/residency/buckets.h"

namespace barrio::control {

namespace {

constexpr std::ptrdiff_t most_s3_keys = 20;  // of one tenant: all of them travel to every site
constexpr size_t most_address_text = 255;
constexpr int most_copy_changes = 200;  // of one step

/// 20 characters, as long as S3's own: clients check no more.
std::string new_key_id() {
  static constexpr char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  std::string id = "BRK";
  for (const char byte : random_bytes(17)) id += letters[static_cast<unsigned char>(byte) % 32];
  return id;
}

/// "home bio1, copies at mad1 (joining), bcn1".
std::string members_text(const Bucket& bucket) {
  std::string text = "home " + bucket.home.str();
  for (const Follower& follower : bucket.followers) {
    text += (&follower == &bucket.followers.front() ? ", copies at " : ", ") + follower.site.str() +
            (follower.state == CopyState::joining ? " (joining)" : "");
  }
  return text;
}

}  // namespace

StorageOrders Control::storage_orders() const {
  StorageOrders orders;
  orders.buckets = desired_.buckets;
  orders.keys = desired_.s3_keys;
  orders.sites = without_cut_off(desired_.storage_sites);
  for (const auto& [tenant, erasure] : desired_.erasures) orders.erased.push_back(tenant);
  const auto is_erased = [&](const auto& one) { return desired_.erasures.contains(one.tenant); };
  std::erase_if(orders.buckets, is_erased);
  std::erase_if(orders.keys, is_erased);
  return orders;
}

Result<StorageAnswer> Control::storage(const SiteId& site, const StorageReport& report) {
  if (desired_.network.find(site) == nullptr) return fail(Code::not_found, "there is no site '" + site.str() + "'");
  if (report.address.size() > most_address_text) return fail(Code::invalid, "too long for an address", "address");
  // A site reads under a lease on having been heard: by who leads alone.
  if (!leads()) return fail(Code::unavailable, "this member of control does not lead");
  seen_storage_[site] = {runtime_.now(), {report.incomplete.begin(), report.incomplete.end()}};
  if (!report.incomplete.empty()) changed_->notify();
  const auto known = desired_.storage_sites.find(site.str());
  if (!report.address.empty() && (known == desired_.storage_sites.end() || known->second != report.address)) {
    const auto note = [&]() -> Result<Edit> {
      return Edit{{desired_.guard(key::storage(site))}, {write_storage(site, report.address)}};
    };
    TRY_DO(change({{site.str(), "site"}, "storage address", site.str()}, note));
  }
  hear_holdings(site, report.holdings);
  TRY_DO(note_erased(site, report.erased));
  StorageOrders orders = storage_orders();
  const std::string text = print_json(to_json(orders));
  if (text != storage_published_) {
    storage_published_ = text;
    // Also after a restart another one than before, unless nothing has changed.
    storage_version_ = std::max(storage_version_ + 1, desired_.revision);
  }
  if (report.version == storage_version_) return StorageAnswer{std::nullopt, hearer_};
  orders.version = storage_version_;
  return StorageAnswer{std::move(orders), hearer_};
}

void Control::hear_holdings(const SiteId& site, const std::map<std::string, BucketHolding>& holdings) {
  if (holdings.empty()) return;
  std::set<std::string> ids;
  for (const Bucket& bucket : desired_.buckets) {
    ids.insert(bucket.id);
    // Who was the home once, and has yet to hear that it is not any more, tells too; the home tells what changed alone.
    const auto told = holdings.find(bucket.id);
    if (told != holdings.end() && bucket.home == site) holdings_[bucket.id] = {site, told->second};
  }
  std::erase_if(holdings_, [&](const auto& one) { return !ids.contains(one.first); });
}

Result<Control::Edit> Control::try_create_bucket(const TenantId& tenant, const NewBucket& wanted,
                                                 const std::optional<SiteId>& asked_at, Bucket& bucket) {
  TRY_DO(known_tenant(tenant));
  TRY_DO(not_erased(tenant));
  const auto there = std::ranges::find(desired_.buckets, wanted.name, &Bucket::name);
  if (there != desired_.buckets.end()) {
    bucket = *there;
    if (there->tenant == tenant) return Edit{};
    return fail(Code::conflict, "the name " + wanted.name.str() + " is taken; names are unique in the whole network",
                "name");
  }
  const auto quota = desired_.quotas.find(tenant.str());
  const int64_t most = quota == desired_.quotas.end() ? TenantQuota{}.buckets : quota->second.buckets;
  if (std::ranges::count(desired_.buckets, tenant, &Bucket::tenant) >= most ||
      desired_.buckets.size() >= StorageOrders::most_buckets) {
    return fail(Code::exhausted, "tenant " + tenant.str() + " may have " + std::to_string(most) + " buckets",
                "buckets");
  }
  const Site* near = asked_at ? desired_.network.find(*asked_at) : nullptr;
  bucket = {};
  bucket.name = wanted.name;
  bucket.tenant = tenant;
  bucket.location =
      wanted.location.empty() && near != nullptr ? std::string(near->jurisdiction.country()) : wanted.location;
  Policy within;
  if (!bucket.location.empty()) {
    // A city is the site in it.
    const auto site = find_site(bucket.location);
    if (!site && site.error().code == Code::invalid) return fail(Code::invalid, site.error().what, "location");
    TRY(within, decide::policy_of_location(site ? site->str() : bucket.location, desired_.network));
  } else if (!wanted.policy) {
    return fail(Code::invalid, "is missing: name a site, a region (ES-PV) or a country (ES), or a policy", "location");
  }
  bucket.policy = wanted.policy.value_or(within);
  const bool narrower = wanted.policy && !bucket.location.empty();
  const auto has_storage = [&](const SiteId& site) { return desired_.storage_sites.contains(site.str()); };
  TRY(bucket.home,
      decide::choose_home({bucket.policy, narrower ? &within : nullptr, near, has_storage}, desired_.network));
  bucket.copies = bucket.acks = wanted.copies;
  TRY(const auto followers,
      decide::choose_followers(bucket, static_cast<size_t>(wanted.copies) - 1, desired_.network, has_storage));
  for (const SiteId& follower : followers) bucket.followers.push_back({follower, CopyState::joining});
  bucket.object_lock = wanted.object_lock;
  // No secret; of the runtime's, so that a simulated run makes it again.
  bucket.id = fmt::format("{:016x}{:016x}", runtime_.rng().next(), runtime_.rng().next());
  bucket.created = runtime_.wall();
  const std::string key = key::bucket(bucket.name);
  return Edit{
      {{key, 0}, {key::erasure(tenant), 0}},
      {write_json(key, bucket)},
      members_text(bucket) + ", " + decide::describe(bucket.policy) + (bucket.object_lock ? ", with object lock" : "")};
}

Result<Bucket> Control::create_bucket(const TenantId& tenant, const NewBucket& wanted,
                                      const std::optional<SiteId>& asked_at, const Author& by) {
  TRY_DO(wanted.check());
  Bucket made;
  auto make = [&] { return try_create_bucket(tenant, wanted, asked_at, made); };
  TRY_DO(change({by, "bucket create", wanted.name.str(), tenant}, make));
  log_info("bucket made", {{"tenant", tenant.str()}, {"bucket", made.name.str()}, {"home", made.home.str()}});
  return made;
}

Result<void> Control::set_copies(const TenantId& tenant, const BucketName& name, const BucketCopies& wanted,
                                 const Author& by) {
  TRY_DO(wanted.check());
  auto set = [&]() -> Result<Edit> {
    const auto found = std::ranges::find(desired_.buckets, name, &Bucket::name);
    if (found == desired_.buckets.end() || found->tenant != tenant) {
      return fail(Code::not_found, "there is no such bucket of tenant " + tenant.str(), "bucket");
    }
    const auto stop = spend_stop(tenant);
    if (stop && wanted.copies > found->copies) {
      return fail(Code::conflict, stop->detail(tenant) + "; fewer copies may be asked for", "copies");
    }
    TRY(const auto next, decide::with_copies(*found, wanted.copies, copy_world(found->id)));
    if (!next) return Edit{};
    const std::string key = key::bucket(name);
    return Edit{{desired_.guard(key)}, {write_json(key, *next)}, members_text(*next)};
  };
  return change({by, "bucket copies", name.str(), tenant}, set);
}

decide::CopyWorld Control::copy_world(const std::string& bucket) {
  const Time now = runtime_.now();
  return {desired_.network, config_.copies,
          [this](const SiteId& site) { return desired_.storage_sites.contains(site.str()); },
          [this, now](const SiteId& site) {
            const auto seen = seen_storage_.find(site);
            return now - (seen == seen_storage_.end() ? storage_since_ : seen->second.last);
          },
          [this, bucket](const SiteId& site) {
            const auto seen = seen_storage_.find(site);
            return seen != seen_storage_.end() && seen->second.incomplete.contains(bucket);
          }};
}

/// Lost homes are followed, lost followers stop to count and are replaced, each in a guarded change of its own.
Result<void> Control::keep_copies() {
  int changed = 0;
  // A commit parks, and the state may be another one after it: each bucket is looked at as it is then.
  std::vector<BucketName> names;
  for (const Bucket& bucket : desired_.buckets) names.push_back(bucket.name);
  for (const BucketName& name : names) {
    const auto found = std::ranges::find(desired_.buckets, name, &Bucket::name);
    if (found == desired_.buckets.end()) continue;
    const auto next = decide::next_copies(*found, copy_world(found->id));
    if (!next) continue;
    if (++changed > most_copy_changes) break;
    const std::string key = key::bucket(name);
    const Act act{{"control", "control"}, "bucket copies", name.str(), next->tenant};
    TRY_DO(state_.commit({desired_.guard(key)}, {write_json(key, *next), audit_entry(act, members_text(*next))}));
    log_warning("a bucket's copies change",
                {{"bucket", name.str()}, {"epoch", std::to_string(next->epoch)}, {"to", members_text(*next)}});
  }
  return changed == 0 ? Result<void>() : load();
}

Result<Bucket> Control::report_copy(const SiteId& home, const CopyReport& report) {
  Bucket now;
  auto note = [&]() -> Result<Edit> {
    const auto found = std::ranges::find(desired_.buckets, report.bucket, &Bucket::name);
    if (found == desired_.buckets.end()) return fail(Code::not_found, "there is no such bucket", "bucket");
    if (found->home != home) {
      return fail(Code::denied, "the home of " + report.bucket.str() + " is " + found->home.str(), "bucket");
    }
    if (found->epoch != report.epoch) return fail(Code::conflict, "the bucket has another epoch", "epoch");
    now = *found;
    const auto next = decide::with_report(*found, report);
    if (!next) return Edit{};
    now = *next;
    const std::string key = key::bucket(report.bucket);
    return Edit{{desired_.guard(key)}, {write_json(key, *next)}, members_text(*next)};
  };
  TRY_DO(change({{home.str(), "site"}, "bucket copies", report.bucket.str()}, note));
  log_info("a bucket's copies change",
           {{"bucket", now.name.str()}, {"epoch", std::to_string(now.epoch)}, {"to", members_text(now)}});
  return now;
}

Result<void> Control::delete_bucket(const BucketName& name, const SiteId& by) {
  TenantId tenant;
  const auto there = std::ranges::find(desired_.buckets, name, &Bucket::name);
  if (there != desired_.buckets.end()) tenant = there->tenant;
  auto erase = [&]() -> Result<Edit> {
    const auto found = std::ranges::find(desired_.buckets, name, &Bucket::name);
    if (found == desired_.buckets.end()) return Edit{};
    if (found->home != by)
      return fail(Code::denied, "the home of " + name.str() + " is " + found->home.str(), "bucket");
    const std::string key = key::bucket(name);
    return Edit{{desired_.guard(key)}, {{key, std::nullopt}}};
  };
  TRY_DO(change({{by.str(), "site"}, "bucket delete", name.str(), tenant}, erase));
  log_info("bucket deleted", {{"bucket", name.str()}});
  return {};
}

std::vector<api::BucketView> Control::buckets(const TenantId& tenant) const {
  std::vector<api::BucketView> views;
  for (const Bucket& bucket : desired_.buckets) {
    if (!tenant.empty() && bucket.tenant != tenant) continue;
    const auto address = desired_.storage_sites.find(bucket.home.str());
    views.push_back({bucket.name.str(), bucket.tenant, bucket.location, bucket.policy, bucket.policy_version,
                     bucket.copies, bucket.home, bucket.epoch, bucket.followers, bucket.acks, bucket.created,
                     address == desired_.storage_sites.end() ? "" : address->second});
    const auto held = holdings_.find(bucket.id);
    if (held == holdings_.end() || held->second.first != bucket.home) continue;
    views.back().objects = held->second.second.objects;
    views.back().bytes = held->second.second.bytes;
  }
  return views;
}

Result<api::IssuedS3Key> Control::create_s3_key(const TenantId& tenant, const Author& by) {
  const S3Key made{new_key_id(), tenant, base64(random_bytes(30))};
  auto add = [&]() -> Result<Edit> {
    TRY_DO(known_tenant(tenant));
    TRY_DO(not_erased(tenant));
    if (std::ranges::count(desired_.s3_keys, tenant, &S3Key::tenant) >= most_s3_keys) {
      return fail(Code::exhausted, "the tenant has " + std::to_string(most_s3_keys) + " S3 keys; revoke one first");
    }
    const std::string key = key::s3_key(tenant, made.id);
    return Edit{{{key, 0}, {key::erasure(tenant), 0}}, {write_json(key, made)}};
  };
  TRY_DO(change({by, "S3 key create", made.id, tenant}, add));
  log_info("S3 key made", {{"tenant", tenant.str()}, {"id", made.id}});
  return api::IssuedS3Key{made.id, made.secret};
}

std::vector<api::S3KeyView> Control::s3_keys(const TenantId& tenant) const {
  std::vector<api::S3KeyView> views;
  for (const S3Key& key : desired_.s3_keys) {
    if (key.tenant == tenant) views.push_back({key.id});
  }
  return views;
}

Result<void> Control::revoke_s3_key(const TenantId& tenant, const std::string& id, const Author& by) {
  auto erase = [&]() -> Result<Edit> {
    const std::string key = key::s3_key(tenant, id);
    if (desired_.revision_of(key) == 0) {
      return fail(Code::not_found, "tenant " + tenant.str() + " has no S3 key '" + id.substr(0, 80) + "'");
    }
    return Edit{{desired_.guard(key)}, {{key, std::nullopt}}};
  };
  TRY_DO(change({by, "S3 key revoke", id, tenant}, erase));
  log_info("S3 key revoked", {{"tenant", tenant.str()}, {"id", id}});
  return {};
}

}  // namespace barrio::control
