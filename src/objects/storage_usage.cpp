#include "objects/storage_usage.h"

#include <algorithm>

#include "objects/directory.h"

namespace barrio::objects {

RequestTally::RequestTally(UsageSink* sink, Conversation& conversation) : sink_(sink), conversation_(conversation) {
  if (sink_ != nullptr) conversation_.watch(this);
}

RequestTally::~RequestTally() {
  conversation_.watch(nullptr);
}

void RequestTally::is_of(const Bucket& bucket, Kind kind, const std::optional<SiteId>& entry) {
  key_ = UsageKey(bucket.tenant, bucket.name, entry);
  kind_ = kind;
}

void RequestTally::on_answer(int status) {
  if (!key_) return;
  Usage usage;
  StoredUsage& stored = usage.stored;
  // What the site that has the bucket counts as refused or failed was passed on all the same.
  if (passed_on_) {
    stored.passed_on = 1;
  } else if (status >= 500) {
    usage.noted.failed = 1;
  } else if (status == 401 || status == 403) {
    usage.noted.refused = 1;
  } else {
    stored.reads = kind_ == Kind::read ? 1 : 0;
    stored.writes = kind_ == Kind::write ? 1 : 0;
    stored.lists = kind_ == Kind::list ? 1 : 0;
    stored.deletes = kind_ == Kind::remove ? 1 : 0;
    stored.bytes_in = conversation_.received();
  }
  counts_ = usage.noted.failed + usage.noted.refused == 0;
  sink_->add(*key_, usage);
}

void RequestTally::on_sent(size_t bytes) {
  if (!counts_) return;
  Usage usage;
  (passed_on_ ? usage.stored.passed_back : usage.stored.bytes_out) = static_cast<int64_t>(bytes);
  sink_->add(*key_, usage);
}

void ByteHours::count(const SiteId& here, Time now, UsageSink& sink) {
  constexpr int64_t hour_ms = 3'600'000;
  constexpr Duration longest = 60s;  // that one look stands for
  auto ids = copies_.buckets();      // in order
  std::ranges::rotate(ids, std::ranges::upper_bound(ids, last_));
  if (counted_.size() > ids.size()) {
    std::erase_if(counted_, [&](const auto& one) { return std::ranges::find(ids, one.first) == ids.end(); });
  }
  size_t looked = 0;
  for (const std::string& id : ids) {
    const auto [found, is_new] = counted_.try_emplace(id, Counted{now});
    Counted& counted = found->second;
    if (is_new || now - counted.until < period_) continue;
    last_ = id;
    const auto elapsed = std::min(now - std::exchange(counted.until, now), longest);
    const Bucket* bucket = directory_.find_id(id);
    if (bucket == nullptr || !bucket->is_member(here)) continue;
    counted.carried += store_.usage(id).bytes * (elapsed / 1ms);
    Usage usage;
    usage.stored.byte_hours = counted.carried / hour_ms;
    counted.carried %= hour_ms;
    if (usage.stored.byte_hours != 0) sink.add(UsageKey(bucket->tenant, bucket->name, std::nullopt), usage);
    if (++looked == most_at_once) return;
  }
}

}  // namespace barrio::objects
