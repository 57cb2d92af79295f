#pragma once
// A site's usage on its disk, until control has it: a journal of what each period added, and for each app, or bucket,
// and hour the total of it. Lives on the agent's loop: one fiber adds, another ships; both may do so at the same time.
//
// The journal (usage.journal) is lines of text, each with its SHA-256: first a checkpoint with all rows, then one
// UsageRecord per period, appended and synced. Read back at start; a last line that was torn by a crash is cut off. Now
// and then it is replaced as a whole by a new checkpoint.
//
// Bounds: rows that control has are dropped two days after their hour; one that it does not have is never dropped. With
// most_rows rows no hour begins any more: what an app uses goes on in its last row, which then spans several hours. So
// the file stays below 64 MiB however long control is away.

#include <map>
#include <optional>
#include <set>
#include <string>

#include "agent/site_files.h"
#include "model/usage.h"
#include "ports/runtime.h"

namespace barrio::agent {

struct UsageCheckpoint;

struct UsageLimits {
  size_t rows = 40'000;                 // at most 700 bytes each on disk, in at most two copies
  size_t rows_shipped = 256;            // at once; more where one period touched more
  size_t appended_bytes = 1024 * 1024;  // before the first checkpoint; later, as much as the checkpoint itself
  std::chrono::hours keep_shipped{48};  // so that a control restored from a copy can ask again
};

class UsageLedger {
 public:
  static constexpr const char* file = "usage.journal";
  static constexpr size_t most_meters = 8;
  /// That this record is in what `metered` is of: the last most_meters, the newest at the end.
  static void note(std::vector<JournaledPeriod>& metered, const UsageRecord& record);

  UsageLedger(ports::Runtime& runtime, SiteFiles& files, UsageLimits limits = {});

  /// Before all else. Errors: unavailable (try again). A journal that is damaged in the middle is kept aside as
  /// usage.journal.damaged, logged, and used as far as it is whole. May park.
  Result<void> load();
  bool loaded() const { return loaded_; }
  /// Of each of the last meters: a site's gateway, its storage and its engine have one each, and two during an upgrade.
  std::span<const JournaledPeriod> journaled() const { return head_.metered; }
  /// In order; after success it survives kill -9 and power loss. A period that is journaled already is left out.
  /// Errors: exhausted (disk full), unavailable; the same record again later is right. May park.
  Result<void> add(UsageRecord record);

  /// The oldest rows that control does not have; none when it has all.
  std::optional<UsageShipment> shipment() const;
  /// Control has everything up to here. Less than before: it was restored from a copy, and gets it again.
  void acknowledged(int64_t through);
  int64_t sequence() const { return head_.sequence; }
  size_t rows() const { return rows_.size(); }

 private:
  struct Key {
    WallTime hour;
    UsageKey app;
    auto operator<=>(const Key&) const = default;
  };
  struct Row {
    WallTime until;
    int64_t touched = 0;  // sequence of the last record that changed it
    Usage usage;
  };
  /// As on disk, before the rows.
  struct Head {
    int64_t journal = 0;                   // random; 0: none yet
    int64_t sequence = 0;                  // of the last record
    int64_t shipped = 0;                   // what control has
    int64_t dropped = 0;                   // the newest change among the rows dropped
    WallTime floor;                        // the newest hour among them: its rows must not begin again
    std::vector<JournaledPeriod> metered;  // of the last most_meters, the newest at the end
  };
  struct Content;

  static Content read(const std::string& text);
  void adopt(UsageCheckpoint checkpoint);
  Result<void> append(const UsageRecord& record);
  Result<void> write_checkpoint(const UsageRecord& record);
  std::string checkpoint_line(const Head& head) const;
  void begin_journal();
  void apply(const UsageRecord& record);
  std::map<Key, Row>::iterator row_for(const UsageKey& app, WallTime from);
  void prune(WallTime now);

  ports::Runtime& runtime_;
  SiteFiles& files_;
  const UsageLimits limits_;
  bool loaded_ = false;
  bool whole_ = false;        // the file ends with a whole line: appending is right
  bool begin_again_ = false;  // control has more of this journal than is here: our disk went back in time
  Head head_;
  std::map<Key, Row> rows_;
  std::set<std::pair<int64_t, Key>> by_touch_;
  std::map<UsageKey, WallTime> last_hour_;  // of the rows
  size_t checkpoint_bytes_ = 0;
  size_t appended_bytes_ = 0;
};

}  // namespace barrio::agent
