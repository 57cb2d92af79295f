#pragma once
// Counts what each app (or bucket) used, in memory that outlives the process (a shared mapping of a file;
// adapters/mapped_file), so that what was answered a microsecond before a kill -9 is still there: an add costs no
// system call. One per gateway, on its loop, and one for its site's storage, on that one's. No call allocates once an
// app is known.
//
// Time is cut into periods, numbered from 1. There are two banks of lines: the present period adds into one, while the
// period before it waits in the other until the journal has it. A line says itself which period it is of, so a bank is
// emptied by counting on. Closing a period is one store of its number. An add first writes the line's new amounts
// aside and then copies them, so that a new process can finish what was begun. gateway/meter_test.cpp stops a process
// after every single instruction of all this.

#include <span>
#include <unordered_map>

#include "model/usage.h"

namespace barrio::gateway {

/// Zeroed memory for one Meter that ends with its owner.
class MeterMemory {
 public:
  explicit MeterMemory(size_t bytes) : blocks_((bytes + sizeof(Block) - 1) / sizeof(Block)) {}
  std::span<std::byte> bytes() { return std::as_writable_bytes(std::span(blocks_)); }

 private:
  struct alignas(256) Block {
    std::byte bytes[256] = {};
  };
  std::vector<Block> blocks_;
};

class Meter {
 public:
  /// Apps in one period. With more, the period is closed early; where the journal has not taken the one before either
  /// (it is stuck, and thousands of apps were replaced meanwhile), what they use is not metered but counted as such.
  static constexpr size_t most_lines = 2048;  // control takes 1000 apps
  static size_t memory_bytes();

  /// Goes on with what is in `memory` (aligned to 256 bytes, memory_bytes() of them), or begins anew where it holds
  /// nothing: then `new_id` (positive) tells this meter from every other. The memory is borrowed.
  Meter(std::span<std::byte> memory, int64_t new_id, WallTime now);

  int64_t id() const;
  /// Where an app's amounts go: found with the first add of a request, kept for its others.
  class Account;
  void add(const AppKey& app, Account& account, const Usage& usage);
  void add(const UsageKey& key, Account& account, const Usage& usage);
  void add(const AppKey& app, const Usage& usage);
  /// What the journal does not have yet, one period, closing the present one if there is no older; nothing when all is
  /// journaled and nothing was added since. `now` ends a period that is closed.
  std::vector<UsageRecord> cut(const JournaledPeriod& journaled, WallTime now);

  /// Adds that found no line.
  uint64_t unmetered() const { return unmetered_; }

 private:
  struct Line;
  struct Header;
  struct Hash {
    using is_transparent = void;
    size_t operator()(const AppKey& app) const;
    size_t operator()(const UsageKey& key) const;
  };
  struct Same {
    using is_transparent = void;
    bool operator()(const UsageKey& a, const UsageKey& b) const { return a == b; }
    bool operator()(const AppKey& a, const UsageKey& b) const { return b.name == a.name && b.tenant == a.tenant; }
    bool operator()(const UsageKey& a, const AppKey& b) const { return (*this)(b, a); }
  };
  /// Where the lines of an app are; of a bank only while that is of this period.
  struct Place {
    int64_t period[2] = {0, 0};
    size_t line[2] = {0, 0};
  };

  template <class Key>
  void add_to(const Key& key, Account& account, const Usage& usage);
  template <class Key>
  std::pair<const UsageKey, Place>& place_of(const Key& key);
  template <class Key>
  Line* line(const Key& key, Account& account);
  template <class Key>
  Line* new_line(const Key& key, Place& place);
  Line& at(int64_t period, size_t index) const;
  bool can_close() const;
  void close(WallTime now);
  void begin(int64_t new_id, WallTime now);
  void recover();
  UsageRecord record_of(int64_t period) const;

  Header& header_;
  Line* const lines_;        // of both banks
  size_t used_[2] = {0, 0};  // lines that may be of the bank's period
  int64_t journaled_ = 0;    // the last period that the journal has
  WallTime last_cut_;
  std::unordered_map<UsageKey, Place, Hash, Same> places_;
  std::pair<const UsageKey, Place>* last_ = nullptr;  // found: the next request is often of the same app
  uint64_t places_dropped_ = 0;                       // times; accounts from before a drop are found anew
  uint64_t unmetered_ = 0;
};

class Meter::Account {
  friend class Meter;
  Place* place_ = nullptr;  // null: not found yet
  uint64_t dropped_ = 0;
};

}  // namespace barrio::gateway
