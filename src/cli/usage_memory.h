#pragma once
// The memory in which a process of a site, or an engine of it, counts usage (gateway/meter.h): one of two mapped files
// in its folder, since during an upgrade a site has two of each. What the other one left behind is cut from its file
// once it has ended, also when it was killed. Blocks: opened at start.

#include <optional>

#include "adapters/mapped_file/mapped_file.h"
#include "gateway/meter.h"

namespace barrio::cli {

class UsageMemory {
 public:
  /// Errors: conflict (two processes of this site run already), exhausted (disk full), unavailable.
  static Result<UsageMemory> open(const std::string& folder);

  std::span<std::byte> memory() const { return own_.memory(); }
  /// No other process of this site counts any more. What it left, if anything, is in left_behind() from then on.
  bool is_alone();
  /// What the other process counted and the journal does not have: one period, or nothing any more.
  std::vector<UsageRecord> left_behind(std::span<const JournaledPeriod> journaled, WallTime now);

 private:
  UsageMemory(adapters::MappedFile own, std::string other_path)
      : own_(std::move(own)), other_path_(std::move(other_path)) {}

  adapters::MappedFile own_;
  std::string other_path_;
  std::optional<adapters::MappedFile> other_;  // while it may hold something
};

}  // namespace barrio::cli
