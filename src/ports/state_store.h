#pragma once
// Desired state: a small, strongly consistent, durable key-value store with revisions (the shape of etcd v3).
// Every call may park the calling fiber. What commit answered with success survives kill -9 and power loss.

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

/// Of one change, before a conflict is told to who asked for it.
inline constexpr int change_attempts = 5;

class StateStore {
 public:
  virtual ~StateStore() = default;
  /// Errors: unavailable.
  virtual Result<std::optional<Entry>> get(const std::string& key) = 0;
  /// All entries whose key starts with `prefix`, at one revision. Errors: unavailable.
  virtual Result<Listing> list(const std::string& prefix) = 0;
  /// All writes or none. Returns the new revision. Errors: conflict (a guard failed; nothing written), unavailable
  /// (outcome unknown), exhausted (disk full; nothing written).
  virtual Result<Revision> commit(std::vector<Guard> guards, std::vector<Write> writes) = 0;
  /// Parks until the store's revision is greater than `seen` or `until` is reached; returns the present revision.
  virtual Result<Revision> wait_for_change(Revision seen, Time until) = 0;
};

}  // namespace barrio::ports
