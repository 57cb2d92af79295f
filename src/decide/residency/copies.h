#pragma once
// Which sites keep copies of a bucket, and what becomes of them when a site is lost: pure, asked by control whenever
// something changed. Every site it names is one that the bucket's policy permits.

#include <functional>
#include <optional>
#include <vector>

#include "base/time.h"
#include "model/bucket.h"
#include "model/network.h"

namespace barrio::decide {

struct CopyPatience {
  Duration lost_after = 15s;  // of silence: longer than any lease that the site may still read under
  Duration replaced_after = 10min;
};

/// What control knows of the sites, for one bucket.
struct CopyWorld {
  const Network& network;
  CopyPatience patience;
  std::function<bool(const SiteId&)> has_storage;
  std::function<Duration(const SiteId&)> silent_for;
  /// It has said that it misses something of this bucket.
  std::function<bool(const SiteId&)> is_incomplete;
};

/// `count` permitted, active sites with storage beside the home, the nearest to it first. Errors: invalid (the policy
/// permits too few sites), unavailable (too few of them are active and have storage just now).
Result<std::vector<SiteId>> choose_followers(const Bucket& bucket, size_t count, const Network& network,
                                             const std::function<bool(const SiteId&)>& has_storage);

/// The bucket with another number of copies, and a higher epoch; none: it has so many. New followers are brought in
/// step before they count; those that go are the ones that have not everything, then the farthest. The home stays.
/// Errors: those of choose_followers, unavailable (the home is lost just now).
Result<std::optional<Bucket>> with_copies(const Bucket& bucket, int copies, const CopyWorld& world);

/// The bucket as it should be now, with a higher epoch; none: as it is. A lost home is followed by one that is in sync;
/// a lost follower no longer counts; one that stays away is replaced where the policy permits another site. A draining
/// site is replaced first and leaves then, once as many others as the bucket asks for have everything; if it is the
/// home, it hands over. Where the policy permits no other site it stays.
std::optional<Bucket> next_copies(const Bucket& bucket, const CopyWorld& world);

/// What a home reports of a follower; none: that is known, or not of this epoch.
std::optional<Bucket> with_report(const Bucket& bucket, const CopyReport& report);

}  // namespace barrio::decide
