#pragma once
// The S3 service of a site: takes requests, checks who asks and what the bucket's policy allows at this site, and does
// what is asked or passes it on to the bucket's home. A fiber for each request, all on one loop of its own, so that
// hashing and encrypting keep no request of the gateway waiting. s3_call.h is a request, the *_calls.cpp are the
// operations. It knows no socket: S3Server brings it exchanges, and PeerCalls takes its calls to other sites.

#include <memory>
#include <set>
#include <string>

#include "api/oauth/issuer_clock.h"
#include "api/s3/lifecycle.h"
#include "api/s3/object_lock.h"
#include "api/s3/xml.h"
#include "net/server.h"
#include "objects/copies.h"
#include "objects/home_usage.h"
#include "objects/policy_cache.h"
#include "objects/s3_call.h"
#include "ports/turn.h"

namespace barrio::objects {

struct S3Config {
  SiteId site;
  net::SocketAddress listen;
  std::string advertised = {};          // "host:port" as others reach it; empty: what is bound
  std::vector<std::string> hosts = {};  // BUCKET.HOST is a bucket, too
  std::shared_ptr<net::TlsServer> tls = {};
  net::SocketAddress tls_listen = {};
  PeerIdentity peers = {};
  CopiesConfig copies = {};    // its site is this one
  size_t most_requests = 512;  // at a time; over it: SlowDown
  Duration pull_period = 1s;
  Duration tidy_period = 2s;
  Duration lifecycle_period = 1h;
  Duration byte_hours_period = 15s;
  int64_t scrub_bytes_per_second = 8 * 1024 * 1024;
  int64_t least_part_bytes = 5 * 1024 * 1024;  // of all parts of an upload but the last, as S3
  Duration scrub_pause = 10s;                  // before it begins again, and where the medium is away
};

struct S3Parts {
  PeerCalls& calls;
  ports::Runtime& runtime;
  ports::ObjectStore& store;
  ports::ObjectCopies& copies;
  ports::StorageControl& control;
  ObjectEvents& events;
  UsageSink* usage = nullptr;  // null: nobody counts
};

class S3Service final : public net::ExchangeHandler {
 public:
  /// Is given new orders, and may park; one call at a time. What could not be saved is given again.
  using Save = std::function<Result<void>(const StorageOrders&)>;
  /// `saved`: orders of an earlier run.
  S3Service(S3Parts parts, S3Config config, std::optional<StorageOrders> saved, Save save);
  ~S3Service();
  const S3Config& config() const { return config_; }
  /// Others reach it there, unless the config says otherwise.
  void bound_to(const net::SocketAddress& address);
  /// Fibers that run until the runtime is stopping: orders, copies, tidying, scrubbing.
  void run();
  /// Ends what the lifecycle rules of this site's buckets end now; run() does it every lifecycle_period. Parks.
  void expire_once();
  Directory& directory() { return directory_; }
  /// What time it is at control, by which tokens and locks are judged too.
  void hear_control_time(WallTime time) { issuer_clock_.hear(time, parts_.runtime.now()); }
  size_t open_requests() const { return open_; }

  void on_head(net::Exchange& exchange) override;
  void on_body(net::Exchange& exchange, std::string_view piece) override;
  void on_end(net::Exchange& exchange) override;
  void on_writable(net::Exchange& exchange) override;
  void on_closed(net::Exchange& exchange, bool aborted) override;

 private:
  template <class T>
  using Outcome = api::s3::Outcome<T>;

  void serve(Conversation& conversation);
  void serve_peer(Conversation& conversation);
  Outcome<void> answer(S3Call& call);
  Outcome<void> authenticate(S3Call& call);
  Outcome<void> set_address(S3Call& call);
  std::optional<SiteId> peer_of(const Conversation& conversation) const;
  Outcome<void> of_service(S3Call& call);
  Outcome<void> of_bucket(S3Call& call, const Bucket& bucket);
  Outcome<void> of_object(S3Call& call, const Bucket& bucket);
  /// Known, or known after asking control.
  Outcome<Bucket> known_bucket(S3Call& call);
  Outcome<void> check_residency(const S3Call& call, const Bucket& bucket) const;
  Outcome<void> check_access(const S3Call& call, const Bucket& bucket, const std::string& action,
                             const std::string& key) const;
  /// Whether what is asked can be done here, where the bucket has its home or a copy.
  Outcome<bool> is_served_here(const S3Call& call, const Bucket& bucket);
  Outcome<void> open_home(const S3Call& call, const Bucket& bucket);
  Outcome<void> is_home_still(const Bucket& bucket);
  Outcome<void> check_quota(const Bucket& bucket, uint64_t more);
  /// Of the bucket's tenant, by what this site knows.
  Outcome<void> check_spend_cap(const S3Call& call, const Bucket& bucket) const;
  Outcome<void> forward(S3Call& call, const Bucket& bucket);
  Outcome<bool> forward_to(S3Call& call, const SiteId& site, std::optional<Duration> patience);

  // bucket_calls.cpp
  Outcome<void> list_buckets(S3Call& call);
  Outcome<void> create_bucket(S3Call& call);
  Outcome<void> delete_bucket(S3Call& call, const Bucket& bucket);
  Outcome<void> about_bucket(S3Call& call, const Bucket& bucket);
  Outcome<void> list_objects(S3Call& call, const Bucket& bucket);
  Outcome<void> delete_objects(S3Call& call, const Bucket& bucket);
  Outcome<ports::Removed> delete_listed(S3Call& call, const Bucket& bucket, const std::string& key,
                                        const std::string& version);
  Outcome<void> list_uploads(S3Call& call, const Bucket& bucket);
  // setting_calls.cpp
  static bool is_setting(const std::string& subresource);
  Outcome<void> bucket_setting(S3Call& call, const Bucket& bucket);
  Outcome<void> policy_status(S3Call& call, const Bucket& bucket);
  Outcome<void> preflight(S3Call& call, const Bucket& bucket);
  void set_cors(S3Call& call, const Bucket& bucket) const;
  // expiry.cpp
  void expire_in(const Bucket& bucket, const std::vector<api::s3::LifecycleRule>& rules);
  void expire_versions(const Bucket& bucket, const std::vector<api::s3::LifecycleRule>& rules);
  void expire_key(const Bucket& bucket, const std::vector<ports::ListedVersion>& versions,
                  const std::vector<api::s3::LifecycleRule>& rules);
  Outcome<ports::Removed> expire_version(const Bucket& bucket, const ports::ListedObject& object, bool is_newest);
  bool ends(const Bucket& bucket, const ports::ListedObject& object, const std::vector<api::s3::LifecycleRule>& rules,
            const std::function<bool(const api::s3::LifecycleRule&)>& applies);
  // object_calls.cpp
  /// What a request says of the object that it makes.
  struct NewObject {
    std::map<std::string, std::string> fields;
    std::map<std::string, std::string> tags;
    ports::WriteCondition condition;
    api::s3::LockWish lock;
    void describe(ports::ObjectMeta& meta) &&;
  };
  /// All that can be refused of a new object is refused here, before any of its body is asked for.
  Outcome<NewObject> new_object(const S3Call& call, const Bucket& bucket) const;
  Outcome<void> check_condition(const Bucket& bucket, const std::string& key,
                                const ports::WriteCondition& condition) const;
  /// The part of that which the head alone says, for a site that passes the request on.
  Outcome<void> check_head(S3Call& call) const;
  Outcome<void> put_object(S3Call& call, const Bucket& bucket);
  Outcome<void> get_object(S3Call& call, const Bucket& bucket);
  Outcome<void> delete_object(S3Call& call, const Bucket& bucket);
  Outcome<void> copy_object(S3Call& call, const Bucket& bucket);
  Outcome<void> object_tags(S3Call& call, const Bucket& bucket);
  Outcome<ports::Removed> remove_one(const Bucket& bucket, const std::string& key,
                                     const ports::WriteCondition& condition);
  Result<std::unique_ptr<ports::ObjectReader>> open_object(const Bucket& bucket, const std::string& key,
                                                           const std::string& version);
  Result<std::unique_ptr<ports::ObjectReader>> reopen_repaired(const Bucket& bucket, const ports::ObjectMeta& meta);
  // version_calls.cpp
  Outcome<void> bucket_versioning(S3Call& call, const Bucket& bucket);
  Outcome<void> list_versions(S3Call& call, const Bucket& bucket);
  Outcome<ports::Removed> remove_version(const S3Call& call, const Bucket& bucket, const std::string& key,
                                         const std::string& version);
  Outcome<ports::Removed> note_removed(const Bucket& bucket, const std::string& key, Result<ports::Removed> removed);
  api::s3::Fault missing_object(S3Call& call, const Bucket& bucket, const Error& error);
  std::optional<ports::ObjectVersion> told_version(const Bucket& bucket, const ports::ObjectMeta& meta) const;
  // lock_calls.cpp
  Outcome<void> bucket_lock(S3Call& call, const Bucket& bucket);
  Outcome<void> object_retention(S3Call& call, const Bucket& bucket);
  Outcome<void> object_hold(S3Call& call, const Bucket& bucket);
  Outcome<void> change_lock(S3Call& call, const Bucket& bucket,
                            const std::function<Result<void>(ports::ObjectMeta&)>& change);
  /// A lock ends when neither this site's clock nor control's says that it lasts.
  WallTime lock_time() const { return issuer_clock_.earliest(parts_.runtime.wall(), parts_.runtime.now()); }
  bool lacks_lock(const Bucket& bucket) const;
  Outcome<void> begin_lock(const Bucket& bucket);
  Outcome<api::s3::LockWish> wanted_lock(const S3Call& call, const Bucket& bucket) const;
  void set_default_lock(const Bucket& bucket, ports::ObjectMeta& meta) const;
  bool bypasses_governance(const S3Call& call, const Bucket& bucket) const;
  // upload_calls.cpp
  Outcome<void> begin_upload(S3Call& call, const Bucket& bucket);
  Outcome<ports::Upload> find_upload(const Bucket& bucket, const std::string& id, const std::string& key);
  Outcome<void> upload_part(S3Call& call, const Bucket& bucket);
  Outcome<api::s3::XmlElement> read_completion(const S3Call& call);
  Outcome<ports::ObjectMeta> finish_upload(const S3Call& call, const Bucket& bucket, const api::s3::XmlElement& wanted);
  Outcome<void> complete_upload(S3Call& call, const Bucket& bucket);
  Outcome<void> abort_upload(S3Call& call, const Bucket& bucket);
  Outcome<void> list_parts(S3Call& call, const Bucket& bucket);

  struct Received {
    std::unique_ptr<ports::ObjectWriter> content;
    ports::ContentDigest digest;
    std::optional<ports::ObjectChecksum> checksum;
  };
  Outcome<Received> receive(S3Call& call, const Bucket& bucket);
  struct Source {
    std::unique_ptr<ports::ObjectReader> reader;
    uint64_t from = 0;
    uint64_t until = 0;
    std::string version = {};  // its id; empty: its bucket never kept versions
  };
  Outcome<Source> copy_source(S3Call& call);
  Outcome<Received> copy_content(Source& source, const Bucket& bucket);
  Outcome<void> note(ObjectAct act, const Bucket& bucket, const ports::ObjectMeta& meta);

  void pull_orders();
  void pull_once();
  void take(StorageAnswer answer, Time asked);
  void save_orders();
  std::map<std::string, BucketHolding> changed_holdings() const;
  void count_bytes();
  void wait_for_orders();
  void erase_tenants(const StorageOrders& before);
  Result<void> erase(const TenantId& tenant, std::vector<Bucket>& unlogged);
  void keep_tidy();
  void keep_lifecycles();
  void scrub();
  void repair(const ports::Scrubbed& damaged);

  const S3Parts parts_;
  const S3Config config_;
  const Save save_;
  Directory directory_;
  api::IssuerClock issuer_clock_;
  std::string address_;
  std::unique_ptr<ports::Signal> pulled_;
  std::unique_ptr<ports::Signal> pull_now_;
  uint64_t pulls_ = 0;
  int64_t hearer_ = 0;                                    // of control, ...
  std::map<std::string, BucketHolding> told_ = {};        // ... which was told this, by bucket's id
  std::set<TenantId> erased_ = {};                        // that the orders say, and are
  std::map<TenantId, std::vector<Bucket>> erasing_ = {};  // that are not yet, and their buckets without a leaf
  int64_t saved_version_ = 0;                             // of the orders that this process has saved; 0: none
  bool following_ = false;                                // orders that were just taken
  std::string unsaved_why_;                               // of the last that could not be, as it was logged
  ports::Turn saving_;                                    // of them
  bool pulls_orders_ = false;
  ByteHours byte_hours_;
  HomeUsage home_usage_;
  mutable PolicyCache policies_;
  ports::Turn locking_;  // of buckets that begin with object lock
  size_t open_ = 0;
  uint64_t requests_ = 0;
  Peers peers_;
  Copies copies_;
};

}  // namespace barrio::objects
