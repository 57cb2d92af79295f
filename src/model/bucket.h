#pragma once
// Where a tenant's objects are kept: a bucket with its policy, and the keys that S3 requests are signed with.

#include <map>
#include <string>
#include <vector>

#include "model/app.h"

namespace barrio {

/// S3's rules: 3 to 63 of a-z 0-9 '-' '.', beginning and ending with a letter or digit, no two dots together, not like
/// an IP address. Unique in the whole network.
class BucketName {
 public:
  BucketName() = default;
  /// Errors: invalid, with the rule in words.
  static Result<BucketName> parse(std::string_view text);
  const std::string& str() const { return text_; }
  bool empty() const { return text_.empty(); }
  auto operator<=>(const BucketName&) const = default;

 private:
  explicit BucketName(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

/// in_sync: it has all that was ever acknowledged. joining: it is being brought there, and nothing is read from it.
enum class CopyState { in_sync, joining };
BARRIO_DESCRIBE_ENUM(CopyState, in_sync, joining)

/// A site that keeps a copy beside the home.
struct Follower {
  SiteId site;
  CopyState state = CopyState::joining;
};
BARRIO_DESCRIBE(Follower, (), (site, state))

/// As control keeps it. `id` is of this bucket alone: one that is made again under the same name has another.
struct Bucket {
  BucketName name;
  std::string id;  // 32 hex digits
  TenantId tenant;
  Policy policy;               // where its bytes may be, and travel
  int64_t policy_version = 1;  // grows with every change of it
  int copies = 1;
  SiteId home;        // the one site that takes its writes, and has all that was acknowledged
  int64_t epoch = 1;  // grows whenever home or followers change; who has a higher one refuses a lower
  std::vector<Follower> followers = {};
  int acks = 1;             // sites that have a write before it is acknowledged; below `copies` while one is lost
  int64_t handed_over = 0;  // the epoch in which another home gave way, which had not been lost; 0: none did
  std::string location;     // as it was asked for: "bilbao", "ES-PV", "ES"
  WallTime created;
  bool object_lock = false;  // it began with S3's object lock, before anything was in it
  static constexpr std::string_view defaulted[] = {"followers", "acks", "handed_over", "object_lock"};
  Result<void> check() const;
  /// Null: the site is none.
  const Follower* follower(const SiteId& site) const;
  bool is_member(const SiteId& site) const { return site == home || follower(site) != nullptr; }
  /// Sites that have everything, the home among them.
  int in_sync() const;
};
BARRIO_DESCRIBE(Bucket, (),
                (name, id, tenant, policy, policy_version, copies, home, epoch, followers, acks, handed_over, location,
                 created, object_lock))

/// What a bucket is asked for with. `location`: a site, a city, a region or a country; empty: the country of the site
/// that is asked. `policy` narrows it further.
struct NewBucket {
  BucketName name;
  std::string location;
  std::optional<Policy> policy = {};
  int copies = 1;
  bool object_lock = false;
  static constexpr std::string_view defaulted[] = {"location", "copies", "object_lock"};
  static constexpr int most_copies = 5;
  Result<void> check() const;
};
BARRIO_DESCRIBE(NewBucket, (), (name, location, policy, copies, object_lock))

/// How many sites are to keep a bucket, the home among them.
struct BucketCopies {
  int copies = 1;
  Result<void> check() const;
};
BARRIO_DESCRIBE(BucketCopies, (), (copies))

/// The pair that an S3 client signs with. Who checks a signature needs the secret itself (that is how SigV4 works), so
/// it is kept by control, told to sites, and kept there sealed.
struct S3Key {
  std::string id;  // "BRK" and 17 of A-Z 2-7
  TenantId tenant;
  std::string secret;
};
BARRIO_DESCRIBE(S3Key, (), (id, tenant, secret))

/// What control tells every site of storage.
struct StorageOrders {
  int64_t version = 0;  // grows with every change
  std::vector<Bucket> buckets;
  std::vector<S3Key> keys;
  std::map<std::string, std::string> sites;  // site -> "host:port" of its S3 service
  std::vector<TenantId> erased = {};         // whose keys no site keeps any more
  static constexpr size_t most_buckets = 10'000;
};
BARRIO_DESCRIBE(StorageOrders, (), (version, buckets, keys, sites, erased))
BARRIO_JSON_APART(StorageOrders)

/// What a bucket holds at its home.
struct BucketHolding {
  int64_t objects = 0;
  int64_t bytes = 0;  // of objects and parts
  bool operator==(const BucketHolding&) const = default;
};
BARRIO_DESCRIBE(BucketHolding, (), (objects, bytes))

/// One site asks what changed, and says where its S3 service is reached.
struct StorageReport {
  int64_t version = 0;  // that it has; 0: none
  std::string address;
  std::vector<std::string> incomplete = {};            // ids of copied buckets of which it misses something
  std::map<std::string, BucketHolding> holdings = {};  // id -> of buckets with their home here, where it changed
  std::vector<TenantId> erased = {};                   // of the orders' erased: whose keys are gone here
  static constexpr std::string_view defaulted[] = {"incomplete", "holdings", "erased"};
  static constexpr size_t most_holdings = 1000;  // at once
};
BARRIO_DESCRIBE(StorageReport, (), (version, address, incomplete, holdings, erased))

/// Nothing has changed: no `orders`. `hearer`: who heard the report; another one than before knows nothing of what was
/// told before.
struct StorageAnswer {
  std::optional<StorageOrders> orders;
  int64_t hearer = 0;
  static constexpr std::string_view defaulted[] = {"hearer"};
};
BARRIO_DESCRIBE(StorageAnswer, (), (orders, hearer))

/// A bucket's home says that a follower has all it has, or that it does not answer. Of the epoch that the home knows.
struct CopyReport {
  BucketName bucket;
  int64_t epoch = 0;
  SiteId follower;
  CopyState state = CopyState::joining;
};
BARRIO_DESCRIBE(CopyReport, (), (bucket, epoch, follower, state))

/// A site passes on what a tenant asked it for, whose signature it has checked.
struct SiteBucketRequest {
  TenantId tenant;
  NewBucket bucket;
};
BARRIO_DESCRIBE(SiteBucketRequest, (), (tenant, bucket))

}  // namespace barrio
