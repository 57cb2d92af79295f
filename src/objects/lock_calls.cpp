// Object lock: versions that nobody may delete before their time. It is of buckets that keep versions, and once a
// bucket has it, it stays.

#include "api/s3/object_lock.h"
#include "base/log.h"
#include "base/text.h"
#include "objects/answers.h"
#include "objects/s3_service.h"

namespace barrio::objects {

using api::s3::refuse;
using api::s3::XmlWriter;

namespace {

constexpr size_t most_lock_bytes = 16 * 1024;
constexpr const char* lock_alone =
    "<ObjectLockConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><ObjectLockEnabled>Enabled"
    "</ObjectLockEnabled></ObjectLockConfiguration>";

tl::unexpected<api::s3::Fault> no_lock() {
  return refuse("InvalidRequest", "Bucket is missing Object Lock Configuration");
}

}  // namespace

S3Service::Outcome<void> S3Service::bucket_lock(S3Call& call, const Bucket& bucket) {
  if (call.view.method == "GET") {
    const std::string text = parts_.store.setting(bucket.id, ports::object_lock_setting);
    if (text.empty()) {
      return refuse("ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist for this bucket");
    }
    call.reply_xml(text);
    return {};
  }
  if (call.view.method != "PUT") return refuse("MethodNotAllowed", "object lock is read and put");
  S3_TRY(CheckedBody body, CheckedBody::of(call));
  S3_TRY(const std::string text, body.read_all(most_lock_bytes));
  S3_TRY_DO(api::s3::parse_object_lock(text));
  const std::string enabled(ports::versioning_enabled);
  if (parts_.store.setting(bucket.id, ports::versioning_setting) != enabled) {
    return refuse("InvalidBucketState",
                  "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration");
  }
  auto set = parts_.store.set_setting(bucket.id, ports::object_lock_setting, text);
  // It may have been suspended meanwhile.
  if (set && parts_.store.setting(bucket.id, ports::versioning_setting) != enabled) {
    set = parts_.store.set_setting(bucket.id, ports::versioning_setting, enabled);
  }
  if (!set) return tl::unexpected(fault_of(set.error(), "NoSuchBucket"));
  call.reply(200, {}, "");
  return {};
}

/// It is to have object lock from its begin, and this site has not heard or done so yet.
bool S3Service::lacks_lock(const Bucket& bucket) const {
  return bucket.object_lock && parts_.store.setting(bucket.id, ports::object_lock_setting).empty();
}

/// At the home, before anything else is done with the bucket: whoever made it was told that it is locked.
S3Service::Outcome<void> S3Service::begin_lock(const Bucket& bucket) {
  if (!lacks_lock(bucket)) return {};
  // One after the other: who comes later must not put this over what the tenant has set meanwhile.
  const ports::Turn::Hold turn(locking_);
  if (!lacks_lock(bucket)) return {};
  auto begun = parts_.store.set_setting(bucket.id, ports::versioning_setting, std::string(ports::versioning_enabled));
  if (begun) begun = parts_.store.set_setting(bucket.id, ports::object_lock_setting, lock_alone);
  return begun ? Outcome<void>() : tl::unexpected(fault_of(begun.error(), "NoSuchBucket"));
}

/// Of a new version, what the request asks for.
S3Service::Outcome<api::s3::LockWish> S3Service::wanted_lock(const S3Call& call, const Bucket& bucket) const {
  S3_TRY(const auto wish, api::s3::lock_wish(call.view, lock_time()));
  if (!wish.retention && !wish.held) return wish;
  if (parts_.store.setting(bucket.id, ports::object_lock_setting).empty()) return no_lock();
  if (wish.retention) S3_TRY_DO(check_access(call, bucket, "s3:PutObjectRetention", call.key));
  if (wish.held) S3_TRY_DO(check_access(call, bucket, "s3:PutObjectLegalHold", call.key));
  return wish;
}

/// What the bucket gives to those that ask for nothing else.
void S3Service::set_default_lock(const Bucket& bucket, ports::ObjectMeta& meta) const {
  const std::string text = meta.retention ? "" : parts_.store.setting(bucket.id, ports::object_lock_setting);
  if (text.empty()) return;
  const auto given = api::s3::parse_object_lock(text);
  if (given && *given) meta.retention = {(*given)->mode, meta.modified + std::chrono::days((*given)->days)};
}

/// Of governance alone, and for the bucket's tenant alone.
bool S3Service::bypasses_governance(const S3Call& call, const Bucket& bucket) const {
  return to_lower(call.header("x-amz-bypass-governance-retention")) == "true" && !call.tenant.empty() &&
         call.tenant == bucket.tenant;
}

S3Service::Outcome<void> S3Service::change_lock(S3Call& call, const Bucket& bucket,
                                                const std::function<Result<void>(ports::ObjectMeta&)>& change) {
  const auto changed = parts_.store.describe(bucket.id, call.key, call.version_id(), change);
  if (!changed) return tl::unexpected(missing_object(call, bucket, changed.error()));
  call.set_version(told_version(bucket, *changed));
  call.reply(200, {}, "");
  return {};
}

S3Service::Outcome<void> S3Service::object_retention(S3Call& call, const Bucket& bucket) {
  if (parts_.store.setting(bucket.id, ports::object_lock_setting).empty()) return no_lock();
  if (call.view.method == "GET") {
    const auto opened = parts_.store.open(bucket.id, call.key, call.version_id());
    if (!opened) return tl::unexpected(missing_object(call, bucket, opened.error()));
    const auto& retention = (*opened)->meta().retention;
    if (!retention) return refuse("NoSuchObjectLockConfiguration", "this version has no retention");
    XmlWriter xml;
    xml.open_root("Retention");
    xml.leaf("Mode", api::s3::lock_name(retention->mode));
    xml.leaf("RetainUntilDate", iso_time(retention->until));
    xml.close();
    call.reply_xml(xml.text());
    return {};
  }
  if (call.view.method != "PUT") return refuse("MethodNotAllowed", "a retention is read and put");
  S3_TRY(CheckedBody body, CheckedBody::of(call));
  S3_TRY(const std::string text, body.read_all(most_lock_bytes));
  const WallTime now = lock_time();
  S3_TRY(const auto wanted, api::s3::parse_retention(text, now));
  const bool bypasses = bypasses_governance(call, bucket);
  return change_lock(call, bucket, [&](ports::ObjectMeta& meta) -> Result<void> {
    TRY_DO(api::s3::check_retention(meta.retention, wanted, now, bypasses));
    meta.retention = wanted;
    return {};
  });
}

S3Service::Outcome<void> S3Service::object_hold(S3Call& call, const Bucket& bucket) {
  if (parts_.store.setting(bucket.id, ports::object_lock_setting).empty()) return no_lock();
  if (call.view.method == "GET") {
    const auto opened = parts_.store.open(bucket.id, call.key, call.version_id());
    if (!opened) return tl::unexpected(missing_object(call, bucket, opened.error()));
    const auto& held = (*opened)->meta().held;
    if (!held) return refuse("NoSuchObjectLockConfiguration", "this version never had a legal hold");
    XmlWriter xml;
    xml.open_root("LegalHold");
    xml.leaf("Status", *held ? "ON" : "OFF");
    xml.close();
    call.reply_xml(xml.text());
    return {};
  }
  if (call.view.method != "PUT") return refuse("MethodNotAllowed", "a legal hold is read and put");
  S3_TRY(CheckedBody body, CheckedBody::of(call));
  S3_TRY(const std::string text, body.read_all(most_lock_bytes));
  S3_TRY(const bool held, api::s3::parse_legal_hold(text));
  return change_lock(call, bucket, [&](ports::ObjectMeta& meta) -> Result<void> {
    meta.held = held;
    return {};
  });
}

}  // namespace barrio::objects
