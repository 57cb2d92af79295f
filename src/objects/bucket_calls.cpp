// Operations on buckets.

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "objects/answers.h"
#include "objects/conditions.h"
#include "objects/s3_service.h"

namespace barrio::objects {

using api::s3::refuse;
using api::s3::XmlWriter;

namespace {

constexpr size_t most_create_bytes = 64 * 1024;
constexpr size_t most_delete_bytes = 2 * 1024 * 1024;
constexpr size_t most_deleted = 1000;
constexpr uint64_t most_page = 1000;

std::string listed_key(const std::string& key, bool encode) {
  return encode ? api::s3::uri_encode(key, true) : key;
}

/// What the head of a CreateBucket asks for.
api::s3::Outcome<NewBucket> wanted_bucket(const S3Call& call) {
  const auto name = BucketName::parse(call.bucket_name);
  if (!name) return refuse("InvalidBucketName", name.error().what);
  S3_TRY_DO(refuse_unbuilt(call.view));
  NewBucket wanted;
  wanted.name = *name;
  if (const auto text = call.view.header("x-barrio-copies")) {
    const auto copies = parse_uint(trim(*text));
    if (!copies || *copies < 1 || *copies > NewBucket::most_copies) {
      const std::string most = std::to_string(NewBucket::most_copies);
      return refuse("InvalidArgument",
                    "x-barrio-copies must be from 1 to " + most + ": at how many sites objects are kept");
    }
    wanted.copies = static_cast<int>(*copies);
  }
  const std::string locked = to_lower(call.header("x-amz-bucket-object-lock-enabled"));
  if (!locked.empty() && locked != "true" && locked != "false") {
    return refuse("InvalidArgument", "x-amz-bucket-object-lock-enabled must be true or false");
  }
  wanted.object_lock = locked == "true";
  return wanted;
}

api::s3::Fault fault_of_creation(const Error& error) {
  switch (error.code) {
    case Code::conflict: return {"BucketAlreadyExists", error.what};
    case Code::not_found:
      return {"InvalidLocationConstraint",
              "the LocationConstraint, which some clients fill with their region: " + error.what};
    case Code::exhausted: return {"TooManyBuckets", error.what};
    case Code::denied: return {"AccessDenied", error.what};
    case Code::invalid: return {"InvalidRequest", error.what};
    default: return {"ServiceUnavailable", "a bucket is made by control, which is away or cannot now: " + error.what};
  }
}

}  // namespace

S3Service::Outcome<void> S3Service::list_buckets(S3Call& call) {
  XmlWriter xml;
  xml.open_root("ListAllMyBucketsResult");
  write_owner(xml, "Owner", call.tenant);
  xml.open("Buckets");
  for (const Bucket* bucket : directory_.of_tenant(call.tenant)) {
    xml.open("Bucket");
    xml.leaf("Name", bucket->name.str());
    xml.leaf("CreationDate", iso_time(bucket->created));
    xml.leaf("BucketRegion", bucket->location);
    xml.close();
  }
  xml.close();
  xml.close();
  call.reply_xml(xml.text());
  return {};
}

S3Service::Outcome<void> S3Service::create_bucket(S3Call& call) {
  if (call.tenant.empty()) return refuse("AccessDenied", "the request is not signed");
  S3_TRY(NewBucket wanted, wanted_bucket(call));
  S3_TRY(CheckedBody body, CheckedBody::of(call));
  S3_TRY(const std::string text, body.read_all(most_create_bytes));
  if (!text.empty()) {
    const auto xml = api::s3::read_xml(text);
    if (!xml || xml->name != "CreateBucketConfiguration") {
      return refuse("MalformedXML", xml ? "the root must be CreateBucketConfiguration" : xml.error().text());
    }
    wanted.location = trim(xml->text_of("LocationConstraint"));
  }
  const auto is_yours = refuse("BucketAlreadyOwnedByYou", "The bucket exists already, and is yours.");
  if (const Bucket* there = directory_.find(wanted.name.str())) {
    if (there->tenant == call.tenant) return is_yours;
    return refuse("BucketAlreadyExists", "The requested bucket name is not available.");
  }
  const auto made = parts_.control.create_bucket({call.tenant, wanted});
  if (!made) return tl::unexpected(fault_of_creation(made.error()));
  directory_.add(*made);
  // Asked twice, control answers with what is there; of something else this client must not be told that it was made.
  if (made->object_lock != wanted.object_lock || made->copies != wanted.copies) return is_yours;
  log_info("bucket made", {{"bucket", made->name.str()}, {"home", made->home.str()}});
  call.reply(200, {{"Location", "/" + made->name.str()}}, "");
  return {};
}

S3Service::Outcome<void> S3Service::delete_bucket(S3Call& call, const Bucket& bucket) {
  const auto closed = parts_.store.close_bucket(bucket.id);
  if (!closed) {
    if (closed.error().code != Code::conflict) return tl::unexpected(fault_of(closed.error(), "NoSuchBucket"));
    return refuse("BucketNotEmpty", "The bucket that was to be deleted is not empty.");
  }
  const auto deleted = parts_.control.delete_bucket(bucket);
  if (!deleted) {
    parts_.store.reopen_bucket(bucket.id);
    return refuse("ServiceUnavailable", "a bucket is deleted by control, which is away: " + deleted.error().what);
  }
  const auto dropped = parts_.store.drop_bucket(bucket.id);  // not_found: orders that came meanwhile said so, too
  directory_.remove(bucket.name);
  if (!dropped && dropped.error().code != Code::not_found) copies_.drop_later(bucket.id);
  call.reply(204, {}, "");
  return {};
}

/// What every site may say of a bucket to its tenant.
S3Service::Outcome<void> S3Service::about_bucket(S3Call& call, const Bucket& bucket) {
  if (call.tenant != bucket.tenant) return refuse("AccessDenied", "the bucket is another tenant's");
  if (call.view.method == "HEAD") {
    call.reply(200,
               {{"x-amz-bucket-region", bucket.location},
                {"x-barrio-home", bucket.home.str()},
                {"x-barrio-copies", std::to_string(bucket.copies)}},
               "");
    return {};
  }
  XmlWriter xml;
  xml.open_root("LocationConstraint");
  xml.close();
  std::string text = xml.text();
  text.insert(text.rfind("</"), bucket.location);
  call.reply_xml(text);
  return {};
}

S3Service::Outcome<void> S3Service::of_bucket(S3Call& call, const Bucket& bucket) {
  const std::string what = call.subresource();
  const std::string_view method = call.view.method;
  if (method == "POST" && what == "delete") return delete_objects(call, bucket);
  if (is_setting(what)) return bucket_setting(call, bucket);
  if (what == "versioning") return bucket_versioning(call, bucket);
  if (what == "object-lock") return bucket_lock(call, bucket);
  if (method == "DELETE" && what.empty()) return delete_bucket(call, bucket);
  if (method != "GET")
    return refuse("NotImplemented", "this operation on a bucket is not built: " + std::string(method) + " ?" + what);
  if (what.empty()) return list_objects(call, bucket);
  if (what == "versions") return list_versions(call, bucket);
  if (what == "uploads") return list_uploads(call, bucket);
  if (what == "policyStatus") return policy_status(call, bucket);
  return refuse("NotImplemented", "this operation on a bucket is not built: GET ?" + what);
}

S3Service::Outcome<void> S3Service::list_objects(S3Call& call, const Bucket& bucket) {
  const auto parameter = [&](const char* name) { return call.view.parameter(name).value_or(""); };
  const bool second = parameter("list-type") == "2";
  const bool encode = parameter("encoding-type") == "url";
  const auto limit = parse_uint(call.view.parameter("max-keys").value_or("1000"));
  if (!limit) return refuse("InvalidArgument", "max-keys must be a number");
  ports::ObjectQuery query{parameter("prefix"), {}, parameter("delimiter"), std::min(*limit, most_page)};
  query.after = second ? parameter("start-after") : parameter("marker");
  const std::string token = second ? parameter("continuation-token") : "";
  if (!token.empty()) {
    const auto after = from_base64url(token);
    if (!after) return refuse("InvalidArgument", "the continuation token is not one of ours");
    query.after = *after;
  }
  const auto listing = parts_.store.list(bucket.id, query);
  if (!listing) return tl::unexpected(fault_of(listing.error(), "NoSuchBucket"));
  XmlWriter xml;
  xml.open_root("ListBucketResult");
  xml.leaf("Name", bucket.name.str());
  xml.leaf("Prefix", listed_key(query.prefix, encode));
  if (!query.delimiter.empty()) xml.leaf("Delimiter", listed_key(query.delimiter, encode));
  xml.leaf("MaxKeys", static_cast<int64_t>(*limit));
  if (encode) xml.leaf("EncodingType", "url");
  xml.flag("IsTruncated", listing->next.has_value());
  if (second) {
    xml.leaf("KeyCount", static_cast<int64_t>(listing->objects.size() + listing->prefixes.size()));
    if (!token.empty()) xml.leaf("ContinuationToken", token);
    if (!parameter("start-after").empty()) xml.leaf("StartAfter", listed_key(parameter("start-after"), encode));
    if (listing->next) xml.leaf("NextContinuationToken", base64url(*listing->next));
  } else {
    xml.leaf("Marker", listed_key(query.after, encode));
    if (listing->next) xml.leaf("NextMarker", listed_key(*listing->next, encode));
  }
  for (const ports::ListedObject& object : listing->objects) {
    xml.open("Contents");
    xml.leaf("Key", listed_key(object.key, encode));
    xml.leaf("LastModified", iso_time(object.modified));
    xml.leaf("ETag", quoted(object.etag));
    xml.leaf("Size", object.size);
    if (!second || parameter("fetch-owner") == "true") write_owner(xml, "Owner", bucket.tenant);
    xml.leaf("StorageClass", "STANDARD");
    xml.close();
  }
  for (const std::string& prefix : listing->prefixes) {
    xml.open("CommonPrefixes");
    xml.leaf("Prefix", listed_key(prefix, encode));
    xml.close();
  }
  xml.close();
  call.reply_xml(xml.text());
  return {};
}

S3Service::Outcome<ports::Removed> S3Service::delete_listed(S3Call& call, const Bucket& bucket, const std::string& key,
                                                            const std::string& version) {
  if (key.empty()) return refuse("UserKeyMustBeSpecified", "an Object needs a Key");
  if (key.size() > most_key_bytes) return refuse("KeyTooLongError", "a key has at most 1024 bytes");
  S3_TRY_DO(check_access(call, bucket, version.empty() ? "s3:DeleteObject" : "s3:DeleteObjectVersion", key));
  return version.empty() ? remove_one(bucket, key, {}) : remove_version(call, bucket, key, version);
}

S3Service::Outcome<void> S3Service::delete_objects(S3Call& call, const Bucket& bucket) {
  S3_TRY(CheckedBody body, CheckedBody::of(call));
  S3_TRY(const std::string text, body.read_all(most_delete_bytes));
  const auto wanted = api::s3::read_xml(text);
  if (!wanted || wanted->name != "Delete") {
    return refuse("MalformedXML", wanted ? "the root must be Delete" : wanted.error().text());
  }
  const bool quiet = wanted->text_of("Quiet") == "true";
  const auto count = std::ranges::count(wanted->children, "Object", &api::s3::XmlElement::name);
  if (count < 1 || count > static_cast<std::ptrdiff_t>(most_deleted)) {
    return refuse("MalformedXML", "from 1 to 1000 objects can be deleted at a time");
  }
  XmlWriter xml;
  xml.open_root("DeleteResult");
  for (const auto& object : wanted->children) {
    if (object.name != "Object") continue;
    const std::string key = object.text_of("Key");
    const std::string version = object.text_of("VersionId");
    const auto removed = delete_listed(call, bucket, key, version);
    if (removed && quiet) continue;
    xml.open(removed ? "Deleted" : "Error");
    xml.leaf("Key", key);
    if (!version.empty()) xml.leaf("VersionId", version);
    if (removed) {
      const bool was_marker = removed->gone && removed->gone->version.marker;
      const auto marker = removed->marker || !was_marker ? removed->marker : std::optional(removed->gone->version);
      if (marker) xml.flag("DeleteMarker", true);
      if (marker) xml.leaf("DeleteMarkerVersionId", marker->id());
    } else {
      xml.leaf("Code", removed.error().code);
      xml.leaf("Message", removed.error().message);
    }
    xml.close();
  }
  xml.close();
  call.reply_xml(xml.text());
  return {};
}

S3Service::Outcome<void> S3Service::list_uploads(S3Call& call, const Bucket& bucket) {
  const auto parameter = [&](const char* name) { return call.view.parameter(name).value_or(""); };
  const bool encode = parameter("encoding-type") == "url";
  const auto limit = parse_uint(call.view.parameter("max-uploads").value_or("1000"));
  if (!limit) return refuse("InvalidArgument", "max-uploads must be a number");
  auto uploads = parts_.store.uploads(bucket.id);
  const auto after = std::pair(parameter("key-marker"), parameter("upload-id-marker"));
  std::erase_if(uploads, [&](const ports::Upload& one) {
    const bool passed = after.second.empty() ? one.meta.key <= after.first && !after.first.empty()
                                             : std::pair(one.meta.key, one.id) <= after;
    return passed || !one.meta.key.starts_with(parameter("prefix"));
  });
  const size_t shown = std::min<size_t>(uploads.size(), std::min(*limit, most_page));
  XmlWriter xml;
  xml.open_root("ListMultipartUploadsResult");
  xml.leaf("Bucket", bucket.name.str());
  xml.leaf("Prefix", listed_key(parameter("prefix"), encode));
  xml.leaf("KeyMarker", listed_key(after.first, encode));
  xml.leaf("UploadIdMarker", after.second);
  if (encode) xml.leaf("EncodingType", "url");
  xml.leaf("MaxUploads", static_cast<int64_t>(*limit));
  xml.flag("IsTruncated", shown < uploads.size());
  if (shown < uploads.size() && shown > 0) {
    xml.leaf("NextKeyMarker", listed_key(uploads[shown - 1].meta.key, encode));
    xml.leaf("NextUploadIdMarker", uploads[shown - 1].id);
  }
  for (size_t i = 0; i < shown; ++i) {
    xml.open("Upload");
    xml.leaf("Key", listed_key(uploads[i].meta.key, encode));
    xml.leaf("UploadId", uploads[i].id);
    write_owner(xml, "Initiator", bucket.tenant);
    write_owner(xml, "Owner", bucket.tenant);
    xml.leaf("StorageClass", "STANDARD");
    xml.leaf("Initiated", iso_time(uploads[i].meta.modified));
    xml.close();
  }
  xml.close();
  call.reply_xml(xml.text());
  return {};
}

}  // namespace barrio::objects
