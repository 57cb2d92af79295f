#pragma once
// What tenants use of a site's storage: which requests, how many bytes, and what lies here for how long. Counted for a
// bucket and where the bytes go: to clients of this site, or to a site that passed a request on. Lives on the service's
// loop.

#include <map>

#include "model/usage.h"
#include "objects/conversation.h"
#include "ports/object_copies.h"

namespace barrio::objects {

class Directory;

/// Who keeps what is counted. Called before the client has the answer; never parks.
class UsageSink {
 public:
  virtual ~UsageSink() = default;
  virtual void add(const UsageKey& key, const Usage& usage) = 0;
};

/// One request. It counts as soon as its answer begins, and each piece of that before it leaves.
class RequestTally final : public AnswerWatch {
 public:
  /// Null: nobody counts.
  RequestTally(UsageSink* sink, Conversation& conversation);
  ~RequestTally();
  RequestTally(const RequestTally&) = delete;
  RequestTally& operator=(const RequestTally&) = delete;

  enum class Kind { read, write, list, remove };
  /// What comes of it is the bucket's. `entry`: the site that passed it on.
  void is_of(const Bucket& bucket, Kind kind, const std::optional<SiteId>& entry);
  /// Another site answers.
  void passes_on() { passed_on_ = true; }
  void on_answer(int status) override;
  void on_sent(size_t bytes) override;

 private:
  UsageSink* const sink_;
  Conversation& conversation_;
  std::optional<UsageKey> key_;  // none: of no bucket
  Kind kind_ = Kind::read;
  bool passed_on_ = false;
  bool counts_ = false;  // its answer does
};

/// What lies in buckets, for how long: bytes at the time that is looked, times the time since it was looked before.
/// What is less than a byte-hour is carried on; while the process does not run nothing counts.
class ByteHours {
 public:
  static constexpr size_t most_at_once = 500;  // buckets; others are next
  ByteHours(const ports::ObjectStore& store, const ports::ObjectCopies& copies, const Directory& directory,
            Duration period)
      : store_(store), copies_(copies), directory_(directory), period_(period) {}
  /// Of the buckets that were not looked at for a period.
  void count(const SiteId& here, Time now, UsageSink& sink);

 private:
  struct Counted {
    Time until;
    int64_t carried = 0;  // byte-milliseconds
  };
  const ports::ObjectStore& store_;
  const ports::ObjectCopies& copies_;
  const Directory& directory_;
  const Duration period_;
  std::map<std::string, Counted> counted_;  // by bucket's id
  std::string last_;                        // that was looked at: the next time begins behind it
};

}  // namespace barrio::objects
