#pragma once
// What storage counts, on its way to the site's usage journal: a meter of its own (gateway/meter.h) in a mapped file,
// on storage's loop, and what it has cut, on the site's loop, where the journal takes it. What is cut stays in the file
// until the journal has it.

#include <optional>

#include "adapters/mapped_file/mapped_file.h"
#include "base/metrics.h"
#include "gateway/meter.h"
#include "net/reactor.h"
#include "objects/storage_usage.h"
#include "ports/runtime.h"

namespace barrio::cli {

/// Of the site's loop.
class StorageRecords {
 public:
  StorageRecords(Registry& metrics, std::string site) : metrics_(metrics), site_(std::move(site)) {}
  void take(UsageRecord record);
  /// The one that waits, unless the journal has it.
  std::vector<UsageRecord> waiting(std::span<const JournaledPeriod> journaled) const;

 private:
  void expose(const UsageLine& line);

  Registry& metrics_;
  const std::string site_;
  std::optional<UsageRecord> record_;
};

/// Of storage's loop.
class StorageMeter final : public objects::UsageSink {
 public:
  static constexpr Duration period = 1s;
  /// Of a folder that this process has alone. Blocks. Errors: those of MappedFile::open.
  static Result<std::unique_ptr<StorageMeter>> open(ports::Runtime& runtime, const std::string& folder,
                                                    Counter& unmetered);

  void add(const UsageKey& key, const Usage& usage) override;
  /// Cuts each period until the runtime is stopping; a record is given again and again until it is journaled.
  void run(std::function<void(UsageRecord)> give);
  void journaled(const std::vector<JournaledPeriod>& all) { journaled_ = journaled_of(meter_.id(), all); }

 private:
  StorageMeter(ports::Runtime& runtime, adapters::MappedFile file, Counter& unmetered);

  ports::Runtime& runtime_;
  adapters::MappedFile file_;
  gateway::Meter meter_;
  JournaledPeriod journaled_;
  Counter& unmetered_;
  uint64_t unmetered_told_ = 0;
};

}  // namespace barrio::cli
