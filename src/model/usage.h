#pragma once
// What bills are made from. Whole amounts only, and each request in exactly one place: the site whose replica answered
// it counts it as Served; a gateway that only passed it on counts it as Forwarded, another kind with its own price (or
// none); Noted is information and never billed.
//
// On its way an amount is first in the memory of who counts it (gateway/meter.h), then in a UsageRecord in the journal
// of the site's disk (agent/usage_ledger.h), then in a UsageShipment to control. docs/metering.md tells the whole
// story.

#include <span>
#include <vector>

#include "model/bucket.h"

namespace barrio {

/// What a replica of this site did. The only part that counts a request as processed.
struct ServedUsage {
  int64_t requests = 0;
  int64_t bytes_in = 0;    // bodies of requests
  int64_t bytes_out = 0;   // bodies of answers
  int64_t compute_us = 0;  // device time, as the replica says, at most what passed
  int64_t frames = 0;      // of video that the engine looked at by itself; no requests, and their device time is above
  int64_t tokens_in = 0;   // of prompts, and of texts that became embeddings; by the count of the model's server
  int64_t tokens_out = 0;  // of answers
  static constexpr std::string_view defaulted[] = {"frames", "tokens_in", "tokens_out"};
};
BARRIO_DESCRIBE(ServedUsage, (), (requests, bytes_in, bytes_out, compute_us, frames, tokens_in, tokens_out))

/// What this site's gateway passed on to another site, which counts the same requests as Served.
struct ForwardedUsage {
  int64_t requests = 0;
  int64_t bytes_in = 0;
  int64_t bytes_out = 0;
};
BARRIO_DESCRIBE(ForwardedUsage, (), (requests, bytes_in, bytes_out))

/// Not billed.
struct NotedUsage {
  int64_t refused = 0;  // by the gateway that the device reached
  int64_t failed = 0;   // answered 5xx by a replica here
  int64_t late = 0;     // answered later than the objective, at the gateway that the device reached
};
BARRIO_DESCRIBE(NotedUsage, (), (refused, failed, late))

/// Of a bucket at this site: what lies here, and what this site answered itself. Apart from that: what it passed on to
/// a site that has the bucket, which counts the same requests as reads, writes, lists or deletes.
struct StoredUsage {
  int64_t byte_hours = 0;  // of objects and parts; each copy where it lies
  int64_t reads = 0;
  int64_t writes = 0;
  int64_t lists = 0;
  int64_t deletes = 0;
  int64_t bytes_in = 0;     // bodies of requests
  int64_t bytes_out = 0;    // bodies of answers
  int64_t passed_on = 0;    // requests
  int64_t passed_back = 0;  // bytes of their answers
};
BARRIO_DESCRIBE(StoredUsage, (),
                (byte_hours, reads, writes, lists, deletes, bytes_in, bytes_out, passed_on, passed_back))

struct Usage {
  ServedUsage served = {};
  ForwardedUsage forwarded = {};
  NotedUsage noted = {};
  StoredUsage stored = {};
  static constexpr std::string_view defaulted[] = {"stored"};
  Usage& operator+=(const Usage& more);
  /// No amount is negative.
  Result<void> check() const;
};
BARRIO_DESCRIBE(Usage, (), (served, forwarded, noted, stored))

/// Whose usage it is: an app's, or a bucket's.
struct UsageKey {
  TenantId tenant;
  std::optional<AppName> name = {};       // the app
  std::optional<BucketName> bucket = {};  // or the bucket
  std::optional<SiteId> to = {};  // of a bucket: the site that passed the requests on; none: clients of this one
  UsageKey() = default;
  UsageKey(const AppKey& app) : tenant(app.tenant), name(app.name) {}
  UsageKey(TenantId of, BucketName in, std::optional<SiteId> went)
      : tenant(std::move(of)), bucket(std::move(in)), to(std::move(went)) {}
  auto operator<=>(const UsageKey&) const = default;
  bool operator==(const UsageKey&) const = default;
  /// Of one of both.
  Result<void> check() const;
};
BARRIO_DESCRIBE(UsageKey, (), (tenant, name, bucket, to))

struct UsageLine {
  UsageKey app;
  Usage usage;
};
BARRIO_DESCRIBE(UsageLine, (), (app, usage))

/// Everything that one meter counted in one period; a line of the journal. `meter` and `period` say which period it
/// was, so that a period that was journaled just before a crash is not journaled twice; `sequence` numbers the records
/// of a site without a gap.
struct UsageRecord {
  int64_t sequence = 0;  // given by the journal
  int64_t meter = 0;
  int64_t period = 0;
  WallTime from;
  WallTime until;
  std::vector<UsageLine> lines;
};
BARRIO_DESCRIBE(UsageRecord, (), (sequence, meter, period, from, until, lines))

/// The last period that is safely in the journal.
struct JournaledPeriod {
  int64_t meter = 0;
  int64_t period = 0;
};
BARRIO_DESCRIBE(JournaledPeriod, (), (meter, period))

/// Of one meter, among those that wrote to a journal; period 0 if it never did.
inline JournaledPeriod journaled_of(int64_t meter, std::span<const JournaledPeriod> all) {
  for (const JournaledPeriod& one : all) {
    if (one.meter == meter) return one;
  }
  return {meter, 0};
}

/// POST /usage of an engine (engine/replica_host.h): what the journal has, and whose streams are to rest.
struct EngineUsageQuestion {
  std::vector<JournaledPeriod> journaled = {};
  std::vector<TenantId> resting = {};  // they have spent what they may
};
BARRIO_DESCRIBE(EngineUsageQuestion, (), (journaled, resting))
BARRIO_JSON_APART(EngineUsageQuestion)

/// What an engine counted and the journal does not have: one period at a time.
struct EngineUsageAnswer {
  std::vector<UsageRecord> records;
};
BARRIO_DESCRIBE(EngineUsageAnswer, (), (records))
BARRIO_JSON_APART(EngineUsageAnswer)

/// All that one site counted for one app or bucket in one hour, so far.
struct UsageRow {
  UsageKey app;
  WallTime hour;   // its first instant; a period counts in the hour in which it began
  WallTime until;  // end of the last period in it
  Usage usage;
};
BARRIO_DESCRIBE(UsageRow, (), (app, hour, until, usage))

/// Every row of a site's journal that records (after, through] changed, with its present total. Totals, not
/// differences: taking one twice changes nothing.
struct UsageShipment {
  int64_t journal = 0;  // which journal the numbers are of: a site whose disk was lost begins another
  int64_t after = 0;
  int64_t through = 0;
  std::vector<UsageRow> rows;
};
BARRIO_DESCRIBE(UsageShipment, (), (journal, after, through, rows))
BARRIO_JSON_APART(UsageShipment)

WallTime hour_of(WallTime time);
/// The first instant of its calendar month, and of the one after that, UTC.
WallTime month_of(WallTime time);
WallTime next_month(WallTime time);

}  // namespace barrio
