// What the S3 service does beside requests: orders from control, tidying, scrubbing.

#include <algorithm>

#include "base/log.h"
#include "objects/s3_service.h"

namespace barrio::objects {

void S3Service::pull_orders() {
  while (!parts_.runtime.stopping()) {
    pull_once();
    ++pulls_;
    pulled_->notify();
    pull_now_->wait_until(parts_.runtime.now() + config_.pull_period);
  }
}

void S3Service::pull_once() {
  const Time asked = parts_.runtime.now();
  const StorageReport report{.version = directory_.orders().version,
                             .address = address_,
                             .incomplete = copies_.incomplete(),
                             .holdings = changed_holdings(),
                             .erased = {erased_.begin(), erased_.end()}};
  auto answer = parts_.control.pull(report);
  // Without control the last orders go on; what is new is told when it is back.
  if (!answer) return;
  if (std::exchange(hearer_, answer->hearer) != answer->hearer) told_.clear();
  for (const auto& [id, holding] : report.holdings) told_[id] = holding;
  take(std::move(*answer), asked);
}

void S3Service::take(StorageAnswer answer, Time asked) {
  if (!answer.orders) {
    copies_.heard_control(asked);
    const bool is_late = erased_.size() < directory_.orders().erased.size();  // it failed when it was told
    if (is_late) erase_tenants({});
    return;
  }
  const StorageOrders before = directory_.orders();
  following_ = true;
  directory_.set_orders(std::move(*answer.orders));
  copies_.heard_control(asked);
  copies_.follow_orders(before);
  std::erase_if(told_, [&](const auto& one) {
    const Bucket* known = directory_.find_id(one.first);
    return known == nullptr || known->home != config_.site;
  });
  erase_tenants(before);
  following_ = false;
  save_orders();
}

/// Until all that is erased has its leaf and of what was deleted nothing is left, a process after this one needs the
/// orders before; so it does while it is not known yet what is left.
void S3Service::save_orders() {
  const ports::Turn::Hold turn(saving_);
  const StorageOrders& orders = directory_.orders();
  const int64_t version = orders.version;
  if (following_ || version == saved_version_ || !erasing_.empty() || copies_.has_deleted_left()) return;
  const auto saved = save_(orders);
  if (saved) saved_version_ = version;
  const std::string why = saved ? "" : saved.error().text();
  if (std::exchange(unsaved_why_, why) != why && !saved) {
    log_warning("storage: the orders cannot be saved", {{"why", why}});
  }
}

/// `before`: orders in which their buckets may still be.
void S3Service::erase_tenants(const StorageOrders& before) {
  const std::vector<TenantId> ordered = directory_.orders().erased;  // orders do not change while this parks
  for (const TenantId& tenant : ordered) {
    if (erased_.contains(tenant)) continue;
    const auto [entry, is_new] = erasing_.try_emplace(tenant);
    for (const Bucket& bucket : before.buckets) {
      if (is_new && bucket.tenant == tenant && bucket.is_member(config_.site)) entry->second.push_back(bucket);
    }
    const auto done = erase(tenant, entry->second);
    if (!done) {
      log_error("storage: a tenant is not erased yet", {{"tenant", tenant.str()}, {"why", done.error().text()}});
      continue;
    }
    log_info("storage: a tenant is erased here", {{"tenant", tenant.str()}});
    erasing_.erase(tenant);
    erased_.insert(tenant);
    save_orders();
  }
  std::erase_if(erased_, [&](const TenantId& one) { return std::ranges::find(ordered, one) == ordered.end(); });
}

/// Keys (their files go when it is tidied), then a leaf for each bucket that was here: `deleted`, of no key.
Result<void> S3Service::erase(const TenantId& tenant, std::vector<Bucket>& unlogged) {
  TRY_DO(parts_.store.erase_tenant(tenant));
  while (!unlogged.empty()) {
    TRY_DO(parts_.events.note({ObjectAct::deleted, unlogged.back(), "", "", 0, config_.site}));
    unlogged.pop_back();
  }
  return {};
}

/// Of buckets with their home here: what control has yet to be told.
std::map<std::string, BucketHolding> S3Service::changed_holdings() const {
  std::map<std::string, BucketHolding> changed;
  for (const Bucket& bucket : directory_.orders().buckets) {
    if (bucket.home != config_.site) continue;
    const ports::BucketUsage usage = parts_.store.usage(bucket.id);
    const BucketHolding holding{usage.objects, usage.bytes};
    const auto told = told_.find(bucket.id);
    if (told != told_.end() && told->second == holding) continue;
    changed[bucket.id] = holding;
    if (changed.size() == StorageReport::most_holdings) break;
  }
  return changed;
}

void S3Service::count_bytes() {
  while (!parts_.runtime.stopping()) {
    parts_.runtime.sleep_for(std::min<Duration>(1s, config_.byte_hours_period));
    if (!parts_.runtime.stopping()) byte_hours_.count(config_.site, parts_.runtime.now(), *parts_.usage);
  }
}

void S3Service::keep_tidy() {
  std::string told;  // the last that was logged
  while (!parts_.runtime.stopping()) {
    parts_.runtime.sleep_for(config_.tidy_period);
    if (parts_.runtime.stopping()) return;
    copies_.drop_left();  // what was being written to when the orders came
    save_orders();
    const auto tidied = parts_.store.tidy();
    const std::string why = tidied ? "" : tidied.error().text();
    if (std::exchange(told, why) != why && !tidied) log_warning("storage: cannot tidy", {{"why", why}});
  }
}

void S3Service::keep_lifecycles() {
  while (!parts_.runtime.stopping()) {
    parts_.runtime.sleep_for(config_.lifecycle_period);
    if (!parts_.runtime.stopping()) expire_once();
  }
}

/// What another site has of it takes the place of what is damaged here.
void S3Service::repair(const ports::Scrubbed& damaged) {
  const Bucket* found = directory_.find_id(damaged.bucket);
  if (found == nullptr || !copies_.is_copied(*found)) return;
  const Bucket known = *found;
  const auto repaired = copies_.repair(known, damaged.name);
  if (!repaired)
    log_error("storage: it cannot be repaired now", {{"bucket", damaged.bucket}, {"why", repaired.error().text()}});
}

/// Reads everything again and again, slowly.
void S3Service::scrub() {
  ports::Scrubbed last;
  while (!parts_.runtime.stopping()) {
    const auto seen = parts_.store.scrub_after(last);
    if (!seen || !*seen) {
      if (seen) last = {};  // else it goes on there: a medium that is away now and then is read to its end all the same
      parts_.runtime.sleep_for(config_.scrub_pause);
      continue;
    }
    last = **seen;
    if (last.damage) {
      // Not the name: it is the tenant's.
      log_error("storage: something is damaged", {{"bucket", last.bucket}, {"why", last.damage->text()}});
      repair(last);
    }
    const int64_t bytes = last.bytes + 4096;
    parts_.runtime.sleep_for(Duration(bytes * 1'000'000'000 / config_.scrub_bytes_per_second));
  }
}

}  // namespace barrio::objects
