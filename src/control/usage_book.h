#pragma once
// What sites used, as bills are made from: taken from their shipments exactly once, kept by hour, added up when asked.
//
// In a StateStore of its own, so that millions of hours weigh on nothing else:
//   through/<site>/<journal>                                how far that journal has come
//   hour/<day>/<tenant>/<app>/<HH>/<site>/<journal>         UsageRow: the total of that hour so far; of a bucket
//                                                           "bucket:NAME" or "bucket:NAME:TO" in the app's place
// A shipment is a commit, or several: its rows (each replaces the total before), in the last how far it reaches, all
// guarded by how far the journal had come. So one that comes twice, late, or is answered by nobody changes nothing; one
// that would leave a gap is refused. All calls are made in fibers and may park.

#include "api/operator/usage.h"
#include "model/prices.h"
#include "ports/runtime.h"
#include "ports/state_store.h"

namespace barrio::control {

struct UsageFigures {
  uint64_t shipments = 0;   // taken
  uint64_t rows = 0;        // written by them
  uint64_t duplicates = 0;  // there already
  uint64_t gaps = 0;        // refused: something before them is missing here
  uint64_t failures = 0;    // malformed, or the store failed
};

struct TakenRow {
  SiteId site;
  int64_t journal = 0;
  UsageRow row;
};

class UsageBook {
 public:
  static constexpr size_t most_rows_shipped = 4096;

  UsageBook(ports::Runtime& runtime, ports::StateStore& store) : runtime_(runtime), store_(store) {}

  /// What control has of the shipment's journal afterwards. Errors: invalid, unavailable, exhausted, conflict.
  Result<int64_t> take(const SiteId& site, const UsageShipment& shipment);
  /// `prices`: the oldest first; they count where the query asks for costs. Errors: unavailable, invalid (too many
  /// lines).
  Result<api::UsageAnswer> report(const api::UsageQuery& query, std::vector<PriceList> prices = {}) const;
  /// All of a tenant's in one day, UTC. Errors: unavailable.
  Result<std::vector<TakenRow>> rows(const TenantId& tenant, WallTime day) const;
  const UsageFigures& figures() const { return figures_; }

 private:
  Result<int64_t> try_take(const SiteId& site, const UsageShipment& shipment);

  ports::Runtime& runtime_;
  ports::StateStore& store_;
  UsageFigures figures_;
};

}  // namespace barrio::control
