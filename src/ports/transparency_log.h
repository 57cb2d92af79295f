#pragma once
// A site's append-only log of what it did with tenants' data (docs/proof.md). Written by whoever does it: the agent for
// replicas and sessions, storage for objects. Lives on its Runtime's loop.

#include <optional>
#include <span>
#include <string>

#include "base/digest.h"
#include "model/log_event.h"

namespace barrio::ports {

class TransparencyLog {
 public:
  virtual ~TransparencyLog() = default;
  /// Appends a leaf for each event, in this order and together: all or, after an error, none that counts as appended.
  /// Once answered, with the index of the first, they survive kill -9 and power loss. What must not happen without a
  /// leaf is acknowledged after this. Parks the calling fiber; calls of several fibers share one write.
  /// Errors: invalid (an event's check), exhausted (disk full), unavailable.
  virtual Result<uint64_t> append(std::span<const LogEvent> events) = 0;
  /// Leaves that are durable.
  virtual uint64_t size() const = 0;
  /// Whether a leaf from this index on says the same but for its time. For who appended, and died before it knew.
  /// Parks. Errors: unavailable.
  virtual Result<bool> has(const LogEvent& event, uint64_t from) = 0;
};

/// What is published of a log: for who signs, serves and proves it. All park.
class LogPublication {
 public:
  struct Head {
    uint64_t size = 0;
    Digest root{};
  };
  virtual ~LogPublication() = default;
  /// The tree of all leaves that are durable now. Errors: unavailable.
  virtual Result<Head> head() = 0;
  /// RFC 6962's consistency proof; old_size <= size <= what head() said. Errors: unavailable.
  virtual Result<std::vector<Digest>> consistency(uint64_t old_size, uint64_t size) = 0;
  /// By its path in tlog-tiles, "tile/0/000". Errors: not_found, invalid (no such path), unavailable.
  virtual Result<std::string> tile(const std::string& path) = 0;
  /// The signed note that was published last. None: none yet.
  virtual Result<std::optional<std::string>> checkpoint() = 0;
  /// Replaces it; after success it survives kill -9 and power loss.
  virtual Result<void> publish(const std::string& note) = 0;
};

/// What a witness has seen of each log, by the log's name. After save() it survives kill -9 and power loss. May park.
class WitnessMemory {
 public:
  virtual ~WitnessMemory() = default;
  /// None: never seen.
  virtual Result<std::optional<std::string>> load(const std::string& origin) = 0;
  virtual Result<void> save(const std::string& origin, const std::string& checkpoint) = 0;
};

}  // namespace barrio::ports
