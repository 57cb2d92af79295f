#include "cli/usage_memory.h"

#include <unistd.h>

#include <filesystem>

#include "base/log.h"
#include "gateway/gateway.h"

namespace barrio::cli {

namespace {

constexpr const char* names[] = {"/usage.live", "/usage.next.live"};

}  // namespace

Result<UsageMemory> UsageMemory::open(const std::string& folder) {
  auto first = adapters::MappedFile::open(folder + names[0], gateway::usage_memory_bytes());
  if (first) return UsageMemory(std::move(*first), folder + names[1]);
  if (first.error().code != Code::conflict) return fail(first.error());
  TRY(auto second, adapters::MappedFile::open(folder + names[1], gateway::usage_memory_bytes()));
  return UsageMemory(std::move(second), folder + names[0]);
}

bool UsageMemory::is_alone() {
  std::error_code ignored;
  if (other_ || !std::filesystem::exists(other_path_, ignored)) return true;
  auto other = adapters::MappedFile::open(other_path_, gateway::usage_memory_bytes());
  if (!other) {
    if (other.error().code == Code::conflict) return false;
    log_error("cannot read what another process of this site counted", {{"why", other.error().text()}});
    return true;
  }
  other_.emplace(std::move(*other));
  return true;
}

std::vector<UsageRecord> UsageMemory::left_behind(std::span<const JournaledPeriod> journaled, WallTime now) {
  if (!other_) return {};
  // A meter that goes on with what is there; an empty file makes a new one, which has nothing.
  gateway::Meter meter(other_->memory(), 1, now);
  auto records = meter.cut(journaled_of(meter.id(), journaled), now);
  if (!records.empty()) return records;
  ::unlink(other_path_.c_str());
  other_.reset();
  return {};
}

}  // namespace barrio::cli
