#pragma once
// ports::TransparencyLog over a TileStore: what several fibers append at the same time is written and synced together.
// Blocking work runs on the runtime's threads, one piece at a time. Owned by main(); lives on the runtime's loop.

#include <deque>

#include "adapters/tile_log/log_keys.h"
#include "adapters/tile_log/tile_store.h"
#include "decide/proof/leaf.h"
#include "ports/runtime.h"
#include "ports/transparency_log.h"

namespace barrio::adapters {

class TileLog final : public ports::TransparencyLog, public ports::LogPublication {
 public:
  static constexpr size_t most_events_at_once = 1024;  // in one write
  static constexpr size_t most_waiting = 16'384;       // calls; over it: exhausted

  /// Blocks. Errors: those of TileStore::open.
  static Result<std::unique_ptr<TileLog>> open(ports::Runtime& runtime, std::unique_ptr<LogDisk> disk, SiteId site,
                                               std::string salt_secret, TileStoreLimits limits = {});

  Result<uint64_t> append(std::span<const LogEvent> events) override;
  uint64_t size() const override { return size_; }
  Result<bool> has(const LogEvent& event, uint64_t from) override;

  Result<Head> head() override;
  Result<std::vector<Digest>> consistency(uint64_t old_size, uint64_t size) override;
  Result<std::string> tile(const std::string& path) override;
  Result<std::optional<std::string>> checkpoint() override;
  Result<void> publish(const std::string& note) override;

 private:
  struct Waiting;
  TileLog(ports::Runtime& runtime, std::unique_ptr<LogDisk> disk, SiteId site, std::string salt_secret)
      : runtime_(runtime), disk_(std::move(disk)), site_(std::move(site)), salt_secret_(std::move(salt_secret)) {}
  void commit_batch();
  Result<uint64_t> write(const std::vector<LogEvent>& events, WallTime now);
  template <class T>
  Result<T> blocking(const std::function<Result<T>()>& work);

  ports::Runtime& runtime_;
  std::unique_ptr<LogDisk> disk_;
  const SiteId site_;
  const std::string salt_secret_;
  std::unique_ptr<TileStore> store_;
  std::deque<std::shared_ptr<Waiting>> waiting_;
  uint64_t size_ = 0;  // as the loop knows it; the store may be at work elsewhere
  bool committing_ = false;
  bool busy_ = false;  // the store is at work on another thread
  std::deque<ports::Signal*> for_store_;
};

/// ports::WitnessMemory as files of a folder.
class DiskWitnessMemory final : public ports::WitnessMemory {
 public:
  DiskWitnessMemory(ports::Runtime& runtime, std::unique_ptr<LogDisk> disk)
      : runtime_(runtime), disk_(std::move(disk)) {}
  Result<std::optional<std::string>> load(const std::string& origin) override;
  Result<void> save(const std::string& origin, const std::string& checkpoint) override;

 private:
  ports::Runtime& runtime_;
  std::unique_ptr<LogDisk> disk_;
};

}  // namespace barrio::adapters
