#pragma once
// Where a bucket's bytes may be: the one place that storage asks, before it keeps, forwards or answers any of them.

#include <functional>
#include <string>

#include "decide/residency/residency.h"
#include "model/bucket.h"

namespace barrio::decide {

/// Whether bytes of `bucket` may be at this site, for a moment or for good: kept, received to be passed on, or passed
/// through to a reader. The reason names the policy. Null: nobody knows the site.
Verdict may_be_at(const Bucket& bucket, const Site* site);

/// What a LocationConstraint stands for: a site's id, a region (ES-PV) or a country (ES), whatever its case. Errors:
/// not_found.
Result<Policy> policy_of_location(std::string_view location, const Network& network);

struct HomeWish {
  const Policy& policy;
  const Policy* within = nullptr;  // of the location that was asked for, where the bucket's policy is wider
  const Site* near = nullptr;      // the site that was asked: taken if it is permitted, else the nearest to it
  /// Whether the site's storage can be reached.
  std::function<bool(const SiteId&)> has_storage;
};

/// The permitted active site with storage that is nearest to `near`; the first of the network where nobody says.
/// Errors: denied (the policy permits no site of the network), unavailable (none of those permitted is active and has
/// storage).
Result<SiteId> choose_home(const HomeWish& wish, const Network& network);

}  // namespace barrio::decide
