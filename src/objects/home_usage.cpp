#include "objects/home_usage.h"

namespace barrio::objects {

HomeUsage::HomeUsage(ports::ObjectStore& store, const Directory& directory, SiteId here)
    : store_(store), directory_(directory), here_(std::move(here)) {
  store_.watch_usage([this](const std::string& bucket) { take_change(bucket); });
}

HomeUsage::~HomeUsage() {
  store_.watch_usage({});
}

int64_t HomeUsage::bytes_of(const TenantId& tenant) {
  if (seen_ != directory_.changes()) recount();
  const auto found = sums_.find(tenant);
  return found == sums_.end() ? 0 : found->second;
}

void HomeUsage::recount() {
  seen_ = directory_.changes();
  counted_.clear();
  sums_.clear();
  for (const Bucket& bucket : directory_.orders().buckets) {
    if (bucket.home != here_) continue;
    const int64_t bytes = store_.usage(bucket.id).bytes;
    counted_[bucket.id] = {bucket.tenant, bytes};
    sums_[bucket.tenant] += bytes;
  }
}

void HomeUsage::take_change(const std::string& bucket) {
  const auto found = counted_.find(bucket);
  if (found == counted_.end()) return;  // not at home here, or not counted yet
  Counted& counted = found->second;
  const int64_t bytes = store_.usage(bucket).bytes;
  sums_[counted.tenant] += bytes - std::exchange(counted.bytes, bytes);
}

}  // namespace barrio::objects
