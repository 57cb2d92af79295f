#pragma once
// Desired state: a small, strongly consistent, durable key-value store with revisions (the shape of etcd v3).
// Every call may park the calling fiber. What commit answered with success survives kill -9 and power loss.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace barrio::ports {

using Revision = int64_t;  // of the whole store; grows with every commit that changes something; 0 is before all

struct Entry {
  std::string key;
  std::string value;
  Revision revision = 0;  // of the commit that last wrote this key
};

/// Keys that start with `prefix`, from `from` on and before `before`.
struct KeyRange {
  KeyRange(std::string starts_with) : prefix(std::move(starts_with)) {}  // NOLINT(google-explicit-constructor)
  KeyRange(const char* starts_with) : prefix(starts_with) {}             // NOLINT(google-explicit-constructor)
  KeyRange(std::string starts_with, std::string first, std::string end)
      : prefix(std::move(starts_with)), from(std::move(first)), before(std::move(end)) {}
  /// The least key that may be in it.
  const std::string& first() const { return std::max(prefix, from); }
  /// The least key behind it; empty: there is none.
  std::string end() const;
  /// With this before all of its keys.
  KeyRange within(const std::string& outer) const;

  std::string prefix;
  std::string from;
  std::string before;  // empty: all
};

struct Listing {
  Revision revision = 0;       // the store's, at the instant of the listing
  std::vector<Entry> entries;  // by key, ascending
};

/// The commit takes place only if `key` was last written at `revision`; 0: only if it does not exist.
struct Guard {
  std::string key;
  Revision revision = 0;
};

struct Write {
  std::string key;
  std::optional<std::string> value;  // none: remove
};

/// A key that is there as long as somebody keeps it. Commits with guard() take place only while it is: what fences all
/// writes of a leader.
struct Lease {
  std::string key;
  Revision revision = 0;  // of the hold: another holder has another one
  int64_t id = 0;         // the store's own name for it
  Guard guard() const { return {key, revision}; }
};

/// Of one change, before a conflict is told to who asked for it.
inline constexpr int change_attempts = 5;

// One commit may have no more than this, in every store, so that what works on one works on all (etcd: 128 operations
// and 1.5 MB, of which some is left for fences and names).
inline constexpr size_t most_guards = 120;
inline constexpr size_t most_writes = 120;
inline constexpr size_t most_commit_bytes = 1'400'000;  // of keys and values together
/// Errors: exhausted.
Result<void> check_size(const std::vector<Guard>& guards, const std::vector<Write>& writes);

class StateStore {
 public:
  virtual ~StateStore() = default;
  /// Errors: unavailable.
  virtual Result<std::optional<Entry>> get(const std::string& key) = 0;
  /// All entries in the range, at one revision. Errors: unavailable.
  virtual Result<Listing> list(const KeyRange& range) = 0;
  /// All writes or none. Returns the new revision. Errors: conflict (a guard failed; nothing written), unavailable
  /// (outcome unknown), exhausted (over the limits above, or disk full; nothing written).
  virtual Result<Revision> commit(std::vector<Guard> guards, std::vector<Write> writes) = 0;
  /// Parks until the store's revision is greater than `seen` or `until` is reached; returns the present revision.
  virtual Result<Revision> wait_for_change(Revision seen, Time until) = 0;
  /// Writes `key` if it was last written at `seen` (0: it is not there), as a lease that the store ends, removing the
  /// key, when it was not kept for `ttl` (which a store may round up to whole seconds). Errors: conflict (it was
  /// written at another revision), unavailable (outcome unknown).
  virtual Result<Lease> hold(const std::string& key, const std::string& value, Duration ttl, Revision seen) = 0;
  /// It lasts `ttl` from now on. Errors: not_found (it has ended), unavailable.
  virtual Result<void> keep(const Lease& lease) = 0;
  /// Removes the key; one that has ended is no error. Errors: unavailable.
  virtual Result<void> release(const Lease& lease) = 0;
};

}  // namespace barrio::ports
