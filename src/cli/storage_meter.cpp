#include "cli/storage_meter.h"

#include <utility>

namespace barrio::cli {

void StorageRecords::take(UsageRecord record) {
  const bool is_new = !record_ || record_->meter != record.meter || record_->period != record.period;
  record_ = std::move(record);
  if (!is_new) return;
  for (const UsageLine& line : record_->lines) expose(line);
}

std::vector<UsageRecord> StorageRecords::waiting(std::span<const JournaledPeriod> journaled) const {
  if (!record_ || journaled_of(record_->meter, journaled).period >= record_->period) return {};
  return {*record_};
}

void StorageRecords::expose(const UsageLine& line) {
  const auto count = [&](const char* name, const char* help, int64_t amount, Labels labels = {}) {
    labels.emplace_back("site", site_);
    if (amount > 0) metrics_.counter(name, help, labels).add(static_cast<uint64_t>(amount));
  };
  const StoredUsage& stored = line.usage.stored;
  const char* requests = "barrio_storage_requests_total";
  const char* help = "S3 requests that this site answered";
  count(requests, help, stored.reads, {{"class", "read"}});
  count(requests, help, stored.writes, {{"class", "write"}});
  count(requests, help, stored.lists, {{"class", "list"}});
  count(requests, help, stored.deletes, {{"class", "delete"}});
  count("barrio_storage_passed_on_total", "S3 requests passed on to a site that has the bucket", stored.passed_on);
  count("barrio_storage_received_bytes_total", "Bytes of S3 requests", stored.bytes_in);
  count("barrio_storage_sent_bytes_total", "Bytes of S3 answers, by the site that passed the request on",
        stored.bytes_out, {{"to", line.app.to ? line.app.to->str() : "clients"}});
  count("barrio_storage_byte_hours_total", "Bytes that lay here, times hours", stored.byte_hours);
  count("barrio_storage_refused_total", "S3 requests refused", line.usage.noted.refused);
  count("barrio_storage_failed_total", "S3 requests answered 5xx", line.usage.noted.failed);
}

Result<std::unique_ptr<StorageMeter>> StorageMeter::open(ports::Runtime& runtime, const std::string& folder,
                                                         Counter& unmetered) {
  TRY(auto file, adapters::MappedFile::open(folder + "/usage.live", gateway::Meter::memory_bytes()));
  return std::unique_ptr<StorageMeter>(new StorageMeter(runtime, std::move(file), unmetered));
}

StorageMeter::StorageMeter(ports::Runtime& runtime, adapters::MappedFile file, Counter& unmetered)
    : runtime_(runtime),
      file_(std::move(file)),
      meter_(file_.memory(), static_cast<int64_t>(runtime.rng().next() >> 1 | 1), runtime.wall()),
      unmetered_(unmetered) {}

void StorageMeter::add(const UsageKey& key, const Usage& usage) {
  gateway::Meter::Account once;
  meter_.add(key, once, usage);
}

void StorageMeter::run(std::function<void(UsageRecord)> give) {
  while (!runtime_.stopping()) {
    for (UsageRecord& record : meter_.cut(journaled_, runtime_.wall())) give(std::move(record));
    unmetered_.add(meter_.unmetered() - std::exchange(unmetered_told_, meter_.unmetered()));
    runtime_.sleep_for(period);
  }
}

}  // namespace barrio::cli
