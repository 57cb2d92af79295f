#include "cli/engine_usage.h"

#include "base/crypto.h"
#include "base/log.h"
#include "net/tls_files.h"

namespace barrio::cli {

namespace {

int64_t new_meter() {
  uint64_t id = 0;
  for (const char byte : random_bytes(sizeof(id))) id = id << 8 | static_cast<unsigned char>(byte);
  return static_cast<int64_t>(id >> 1 | 1);
}

std::span<std::byte> memory_of(const std::string& folder, std::optional<UsageMemory>& kept,
                               std::optional<gateway::MeterMemory>& own) {
  if (auto opened = UsageMemory::open(folder)) {
    kept.emplace(std::move(*opened));
    return kept->memory();
  } else {
    log_error("what streams and texts use is lost if this engine is killed", {{"why", opened.error().text()}});
  }
  return own.emplace(gateway::Meter::memory_bytes()).bytes();
}

}  // namespace

EngineUsage::EngineUsage(const std::string& folder)
    : meter_(memory_of(folder, kept_, own_), new_meter(), net::system_wall()) {}

void EngineUsage::add(const AppKey& app, const Usage& usage) {
  meter_.add(app, usage);
}

std::vector<UsageRecord> EngineUsage::cut(std::span<const JournaledPeriod> journaled) {
  const uint64_t unmetered = meter_.unmetered();
  if (unmetered > unmetered_told_)
    log_error("frames or tokens are not metered: too many apps, or the journal is stuck",
              {{"times", std::to_string(unmetered - unmetered_told_)}});
  unmetered_told_ = unmetered;
  const WallTime now = net::system_wall();
  if (kept_ && kept_->is_alone()) {
    if (auto left = kept_->left_behind(journaled, now); !left.empty()) return left;
  }
  return meter_.cut(journaled_of(meter_.id(), journaled), now);
}

}  // namespace barrio::cli
