#pragma once
// What an engine counts of streams and texts, in memory that outlives it (cli/usage_memory.h), until the journal of its
// site has it: a meter of its own (gateway/meter.h) in the folder of the engines. On the engine's loop.

#include <optional>

#include "cli/usage_memory.h"
#include "engine/usage_counter.h"

namespace barrio::cli {

class EngineUsage final : public engine::UsageCounter {
 public:
  /// Where the folder gives no memory (the disk is full), what is counted ends with the engine. Blocks.
  explicit EngineUsage(const std::string& folder);

  void add(const AppKey& app, const Usage& usage) override;
  /// First what another engine of this site left that has ended.
  std::vector<UsageRecord> cut(std::span<const JournaledPeriod> journaled) override;

 private:
  std::optional<UsageMemory> kept_;
  std::optional<gateway::MeterMemory> own_;
  gateway::Meter meter_;
  uint64_t unmetered_told_ = 0;
};

}  // namespace barrio::cli
