// Versions of objects: whether a bucket keeps them, which there are, and what it says of the one that is spoken of.

#include <algorithm>

#include "api/s3/object_lock.h"
#include "base/text.h"
#include "objects/answers.h"
#include "objects/s3_service.h"

namespace barrio::objects {

using api::s3::refuse;
using api::s3::XmlWriter;

namespace {

constexpr size_t most_versioning_bytes = 16 * 1024;
constexpr uint64_t most_versions_page = 1000;

std::string shown_text(const std::string& text, bool encode) {
  return encode ? api::s3::uri_encode(text, true) : text;
}

/// What is asked for; InvalidArgument.
api::s3::Outcome<ports::VersionQuery> version_query(const S3Call& call) {
  const auto parameter = [&](const char* name) { return call.view.parameter(name).value_or(""); };
  const auto limit = parse_uint(call.view.parameter("max-keys").value_or("1000"));
  if (!limit) return refuse("InvalidArgument", "max-keys must be a number");
  ports::VersionQuery query{.prefix = parameter("prefix"),
                            .after = parameter("key-marker"),
                            .delimiter = parameter("delimiter"),
                            .limit = std::min(*limit, most_versions_page)};
  const std::string marker = parameter("version-id-marker");
  if (marker.empty()) return query;
  query.after_version = ports::ObjectVersion::of_id(marker);
  if (!query.after_version) return refuse("InvalidArgument", "Invalid version id specified");
  if (query.after.empty()) {
    return refuse("InvalidArgument", "A version-id marker cannot be specified without a key marker.");
  }
  return query;
}

void write_version(XmlWriter& xml, const ports::ListedVersion& version, const TenantId& owner, bool encode) {
  const ports::ListedObject& object = version.object;
  xml.open(object.version.marker ? "DeleteMarker" : "Version");
  xml.leaf("Key", shown_text(object.key, encode));
  xml.leaf("VersionId", object.version.id());
  xml.flag("IsLatest", version.newest);
  xml.leaf("LastModified", iso_time(object.modified));
  if (!object.version.marker) {
    xml.leaf("ETag", quoted(object.etag));
    xml.leaf("Size", object.size);
    xml.leaf("StorageClass", "STANDARD");
  }
  write_owner(xml, "Owner", owner);
  xml.close();
}

}  // namespace

S3Service::Outcome<void> S3Service::bucket_versioning(S3Call& call, const Bucket& bucket) {
  if (call.view.method == "GET") {
    const std::string status = parts_.store.setting(bucket.id, ports::versioning_setting);
    XmlWriter xml;
    xml.open_root("VersioningConfiguration");
    if (!status.empty()) xml.leaf("Status", status);
    xml.close();
    call.reply_xml(xml.text());
    return {};
  }
  if (call.view.method != "PUT") return refuse("MethodNotAllowed", "versioning is read and put");
  S3_TRY(CheckedBody body, CheckedBody::of(call));
  S3_TRY(const std::string text, body.read_all(most_versioning_bytes));
  const auto wanted = api::s3::read_xml(text);
  if (!wanted || wanted->name != "VersioningConfiguration") {
    return refuse("MalformedXML", wanted ? "the root must be VersioningConfiguration" : wanted.error().text());
  }
  if (wanted->text_of("MfaDelete") == "Enabled") return refuse("NotImplemented", "MfaDelete is not built");
  const std::string status = wanted->text_of("Status");
  if (status != ports::versioning_enabled && status != ports::versioning_suspended) {
    return refuse("MalformedXML", "Status must be Enabled or Suspended");
  }
  const std::string enabled(ports::versioning_enabled);
  const auto is_refused = [&] {
    return status != enabled && !parts_.store.setting(bucket.id, ports::object_lock_setting).empty();
  };
  const Outcome<void> locked = refuse("InvalidBucketState", "with object lock, versioning cannot be suspended");
  if (is_refused()) return locked;
  const auto set = parts_.store.set_setting(bucket.id, ports::versioning_setting, status);
  if (!set) return tl::unexpected(fault_of(set.error(), "NoSuchBucket"));
  // A lock may have come meanwhile; what is locked may not be replaced.
  if (is_refused()) {
    const auto back = parts_.store.set_setting(bucket.id, ports::versioning_setting, enabled);
    return back ? locked : tl::unexpected(fault_of(back.error(), "NoSuchBucket"));
  }
  call.reply(200, {}, "");
  return {};
}

S3Service::Outcome<void> S3Service::list_versions(S3Call& call, const Bucket& bucket) {
  S3_TRY(const ports::VersionQuery query, version_query(call));
  const bool encode = call.view.parameter("encoding-type") == "url";
  const auto listing = parts_.store.list_versions(bucket.id, query);
  if (!listing) return tl::unexpected(fault_of(listing.error(), "NoSuchBucket"));
  XmlWriter xml;
  xml.open_root("ListVersionsResult");
  xml.leaf("Name", bucket.name.str());
  xml.leaf("Prefix", shown_text(query.prefix, encode));
  xml.leaf("KeyMarker", shown_text(query.after, encode));
  xml.leaf("VersionIdMarker", query.after_version ? query.after_version->id() : "");
  if (!query.delimiter.empty()) xml.leaf("Delimiter", shown_text(query.delimiter, encode));
  xml.leaf("MaxKeys", call.view.parameter("max-keys").value_or("1000"));
  if (encode) xml.leaf("EncodingType", "url");
  xml.flag("IsTruncated", listing->next.has_value());
  if (listing->next) {
    xml.leaf("NextKeyMarker", shown_text(listing->next->after, encode));
    if (listing->next->after_version) xml.leaf("NextVersionIdMarker", listing->next->after_version->id());
  }
  for (const ports::ListedVersion& version : listing->versions) write_version(xml, version, bucket.tenant, encode);
  for (const std::string& prefix : listing->prefixes) {
    xml.open("CommonPrefixes");
    xml.leaf("Prefix", shown_text(prefix, encode));
    xml.close();
  }
  xml.close();
  call.reply_xml(xml.text());
  return {};
}

S3Service::Outcome<ports::Removed> S3Service::remove_version(const S3Call& call, const Bucket& bucket,
                                                             const std::string& key, const std::string& version) {
  if (!ports::ObjectVersion::of_id(version)) return refuse("NoSuchVersion", "The specified version does not exist.");
  const bool bypasses = bypasses_governance(call, bucket);
  return note_removed(bucket, key,
                      parts_.store.remove_version(bucket.id, key, version, [&](const ports::ObjectMeta& meta) {
                        return api::s3::check_deletion(meta, lock_time(), bypasses);
                      }));
}

/// A leaf of its own for each version that went and each delete marker that came.
S3Service::Outcome<ports::Removed> S3Service::note_removed(const Bucket& bucket, const std::string& key,
                                                           Result<ports::Removed> removed) {
  if (!removed) return tl::unexpected(fault_of(removed.error(), "NoSuchKey"));
  if (!removed->gone && !removed->marker) {
    S3_TRY_DO(is_home_still(bucket));
    return std::move(*removed);
  }
  ports::ObjectMeta gone;
  gone.key = key;
  gone.size = removed->gone ? removed->gone->size : 0;
  S3_TRY_DO(note(ObjectAct::deleted, bucket, gone));
  return std::move(*removed);
}

/// Why there is nothing to be read; sets what the answer says of a delete marker.
api::s3::Fault S3Service::missing_object(S3Call& call, const Bucket& bucket, const Error& error) {
  const std::string version = call.version_id();
  if (error.code != Code::not_found) return fault_of(error, "NoSuchKey");
  const auto there = parts_.store.find_version(bucket.id, call.key, version);
  if (there && there->object.version.marker) {
    call.set_version(there->object.version);
    if (!version.empty()) return {"MethodNotAllowed", "this version is a delete marker"};
  }
  if (version.empty()) return fault_of(error, "NoSuchKey");
  return {"NoSuchVersion", "The specified version does not exist."};
}

/// What an answer calls it; none: the bucket never kept versions.
std::optional<ports::ObjectVersion> S3Service::told_version(const Bucket& bucket, const ports::ObjectMeta& meta) const {
  if (meta.version || parts_.store.setting(bucket.id, ports::versioning_setting).empty()) return meta.version;
  return ports::ObjectVersion();
}

}  // namespace barrio::objects
