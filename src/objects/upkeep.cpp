// What the S3 service does beside requests: orders from control, tidying, scrubbing.

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
  auto answer = parts_.control.pull({directory_.orders().version, address_, copies_.incomplete()});
  // Without control the last orders go on; what is new is told when it is back.
  if (!answer) return;
  if (!answer->orders) return copies_.heard_control(asked);
  const StorageOrders before = directory_.orders();
  directory_.set_orders(std::move(*answer->orders));
  copies_.heard_control(asked);
  copies_.follow_orders(before);
  save_(directory_.orders());
}

void S3Service::keep_tidy() {
  while (!parts_.runtime.stopping()) {
    parts_.runtime.sleep_for(config_.tidy_period);
    if (parts_.runtime.stopping()) return;
    const auto tidied = parts_.store.tidy();
    if (!tidied) log_warning("storage: cannot tidy", {{"why", tidied.error().text()}});
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
  if (found == nullptr || found->copies == 1) return;
  const Bucket known = *found;
  const auto repaired = copies_.repair(known, damaged.key, damaged.version.id());
  if (!repaired)
    log_error("storage: it cannot be repaired now", {{"bucket", damaged.bucket}, {"why", repaired.error().text()}});
}

/// Reads everything again and again, slowly.
void S3Service::scrub() {
  ports::Scrubbed last;
  while (!parts_.runtime.stopping()) {
    const auto seen = parts_.store.scrub_after(last);
    if (!seen || !*seen) {
      last = {};
      parts_.runtime.sleep_for(10s);
      continue;
    }
    last = **seen;
    if (last.damage) {
      // Not the key: it is the tenant's.
      log_error("storage: an object is damaged", {{"bucket", last.bucket}, {"why", last.damage->text()}});
      repair(last);
    }
    const int64_t bytes = last.bytes + 4096;
    parts_.runtime.sleep_for(Duration(bytes * 1'000'000'000 / config_.scrub_bytes_per_second));
  }
}

}  // namespace barrio::objects
