// Operations on objects.

#include <fmt/format.h>

#include <algorithm>

#include "base/hash.h"
#include "base/text.h"
#include "objects/answers.h"
#include "objects/conditions.h"
#include "objects/s3_service.h"

namespace barrio::objects {

using api::s3::refuse;
using api::s3::XmlWriter;

namespace {

constexpr uint64_t most_object_bytes = uint64_t{5} << 30;  // at once, as S3
constexpr size_t piece_bytes = 512 * 1024;
constexpr size_t most_tagging_bytes = 64 * 1024;

ports::ObjectChecksum kept_checksum(const std::pair<api::s3::ChecksumKind, std::string>& checksum) {
  return {std::string(api::s3::name_of(checksum.first)), checksum.second, "FULL_OBJECT"};
}

api::s3::Outcome<CheckedBody> object_body(S3Call& call) {
  S3_TRY(CheckedBody body, CheckedBody::of(call));
  if (body.length() && *body.length() > most_object_bytes) {
    return refuse("EntityTooLarge", "at most 5 GiB at once; more in parts");
  }
  return body;
}

/// What a GET may ask to be answered instead of what the object says (of links that are given away).
void override_fields(const api::s3::RequestView& request, net::OwnedHeaders& headers) {
  for (const char* name :
       {"cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "expires"}) {
    const auto value = request.parameter(std::string("response-") + name);
    if (!value || std::ranges::any_of(*value, [](char c) { return static_cast<unsigned char>(c) < 0x20; })) continue;
    std::erase_if(headers, [&](const auto& header) { return header.first == name; });
    headers.emplace_back(name, *value);
  }
}

}  // namespace

S3Service::Outcome<void> S3Service::of_object(S3Call& call, const Bucket& bucket) {
  const std::string what = call.subresource();
  const std::string_view method = call.view.method;
  if (call.has("versionId")) {
    if (!ports::ObjectVersion::of_id(call.version_id())) {
      return refuse("InvalidArgument", "Invalid version id specified");
    }
    if (what.empty() && (method == "PUT" || method == "POST")) {
      return refuse("InvalidArgument", "This operation does not accept a version-id.");
    }
  }
  if (what == "tagging") return object_tags(call, bucket);
  if (what == "retention") return object_retention(call, bucket);
  if (what == "legal-hold") return object_hold(call, bucket);
  if (what == "uploads" && method == "POST") return begin_upload(call, bucket);
  if (what == "uploadId") {
    if (method == "PUT") return upload_part(call, bucket);
    if (method == "POST") return complete_upload(call, bucket);
    if (method == "DELETE") return abort_upload(call, bucket);
    if (method == "GET") return list_parts(call, bucket);
  }
  if (what.empty()) {
    if (method == "GET" || method == "HEAD") return get_object(call, bucket);
    if (method == "DELETE") return delete_object(call, bucket);
    if (method == "PUT")
      return call.view.header("x-amz-copy-source") ? copy_object(call, bucket) : put_object(call, bucket);
  }
  return refuse("NotImplemented", "this operation on an object is not built: " + std::string(method) + " ?" + what);
}

void S3Service::NewObject::describe(ports::ObjectMeta& meta) && {
  meta.fields = std::move(fields);
  meta.tags = std::move(tags);
  meta.retention = lock.retention;
  meta.held = lock.held;
}

S3Service::Outcome<S3Service::NewObject> S3Service::new_object(const S3Call& call, const Bucket& bucket) const {
  NewObject made;
  S3_TRY(made.fields, fields_of(call.view));
  S3_TRY(made.tags, tags_of(call.header("x-amz-tagging")));
  S3_TRY(made.condition, write_condition(call.view));
  S3_TRY(made.lock, wanted_lock(call, bucket));
  S3_TRY_DO(check_condition(bucket, call.key, made.condition));
  return made;
}

/// The store asks again when the object is there.
S3Service::Outcome<void> S3Service::check_condition(const Bucket& bucket, const std::string& key,
                                                    const ports::WriteCondition& condition) const {
  if (!condition.if_absent && !condition.if_etag) return {};
  const auto newest = parts_.store.find_version(bucket.id, key, "");
  const bool is_there = newest && !newest->object.version.marker;
  if (condition.if_absent && is_there) return refuse("PreconditionFailed", "If-None-Match: the object exists");
  if (!condition.if_etag) return {};
  if (!is_there) return refuse("NoSuchKey", "If-Match: there is no such object");
  if (newest->object.etag == *condition.if_etag) return {};
  return refuse("PreconditionFailed", "If-Match: the object has another ETag");
}

S3Service::Outcome<void> S3Service::check_head(S3Call& call) const {
  S3_TRY_DO(fields_of(call.view));
  S3_TRY_DO(tags_of(call.header("x-amz-tagging")));
  S3_TRY_DO(write_condition(call.view));
  S3_TRY_DO(api::s3::lock_wish(call.view, lock_time()));
  S3_TRY_DO(object_body(call));
  return {};
}

/// The body as content of the store. The client is told of nothing before all of it was checked.
S3Service::Outcome<S3Service::Received> S3Service::receive(S3Call& call, const Bucket& bucket) {
  S3_TRY(CheckedBody body, object_body(call));
  S3_TRY_DO(check_quota(bucket, body.length().value_or(0)));
  auto writer = parts_.store.writer(bucket.id);
  if (!writer) return tl::unexpected(fault_of(writer.error(), "NoSuchBucket"));
  std::string piece;
  while (true) {
    S3_TRY(piece, body.read(std::move(piece)));
    if (piece.empty()) break;
    const auto written = (*writer)->write(piece);
    if (!written) return tl::unexpected(fault_of(written.error(), "InternalError"));
  }
  auto digest = (*writer)->finish();
  if (!digest) return tl::unexpected(fault_of(digest.error(), "InternalError"));
  if (!body.length()) S3_TRY_DO(check_quota(bucket, static_cast<uint64_t>(digest->size)));
  return Received{std::move(*writer), std::move(*digest), kept_checksum(*body.checksum())};
}

S3Service::Outcome<void> S3Service::put_object(S3Call& call, const Bucket& bucket) {
  S3_TRY(NewObject made, new_object(call, bucket));
  S3_TRY(Received received, receive(call, bucket));
  const ports::WriteCondition condition = made.condition;
  ports::ObjectMeta meta{.key = call.key,
                         .size = received.digest.size,
                         .etag = hex_of(received.digest.md5),
                         .sha256 = hex_of(received.digest.sha256),
                         .modified = parts_.runtime.wall(),
                         .checksum = received.checksum};
  std::move(made).describe(meta);
  set_default_lock(bucket, meta);
  const auto put = parts_.store.put(bucket.id, meta, std::move(received.content), condition);
  if (!put) return tl::unexpected(fault_of(put.error(), "NoSuchKey"));
  call.set_version(*put);
  S3_TRY_DO(note(ObjectAct::stored, bucket, meta));
  call.reply(200,
             {{"ETag", quoted(meta.etag)},
              {"x-amz-server-side-encryption", "AES256"},
              {"x-amz-checksum-" + to_lower(meta.checksum->algorithm), meta.checksum->value},
              {"x-amz-checksum-type", meta.checksum->type}},
             "");
  return {};
}

/// One that is damaged here is repaired where another site has it.
Result<std::unique_ptr<ports::ObjectReader>> S3Service::open_object(const Bucket& bucket, const std::string& key,
                                                                    const std::string& version) {
  auto opened = parts_.store.open(bucket.id, key, version);
  if (opened || opened.error().code != Code::unavailable || !copies_.is_copied(bucket)) return opened;
  const auto found = parts_.store.find_version(bucket.id, key, version);
  if (found) TRY_DO(copies_.repair(bucket, ports::object_name(key, found->object.version)));
  return parts_.store.open(bucket.id, key, version);
}

/// The same object again, after its content was found to be damaged and was repaired.
Result<std::unique_ptr<ports::ObjectReader>> S3Service::reopen_repaired(const Bucket& bucket,
                                                                        const ports::ObjectMeta& meta) {
  if (!copies_.is_copied(bucket)) return fail(Code::unavailable, "there is no other copy");
  const auto version = meta.version.value_or(ports::ObjectVersion());
  TRY_DO(copies_.repair(bucket, ports::object_name(meta.key, version)));
  TRY(auto opened, parts_.store.open(bucket.id, meta.key, version.id()));
  const ports::ObjectMeta& now = opened->meta();
  if (now.etag != meta.etag || now.size != meta.size) return fail(Code::conflict, "the object was replaced meanwhile");
  return opened;
}

S3Service::Outcome<void> S3Service::get_object(S3Call& call, const Bucket& bucket) {
  if (call.has("partNumber")) return refuse("NotImplemented", "objects are read whole or by range, not by part");
  auto opened = open_object(bucket, call.key, call.version_id());
  if (!opened) return tl::unexpected(missing_object(call, bucket, opened.error()));
  std::unique_ptr<ports::ObjectReader> reader = std::move(*opened);
  const ports::ObjectMeta meta = reader->meta();
  call.set_version(told_version(bucket, meta));
  S3_TRY(const Wanted wanted, check_conditions(call.view, meta));
  const auto size = static_cast<uint64_t>(meta.size);
  S3_TRY(const auto range, range_of(call.header("range"), size));
  net::OwnedHeaders headers = describe(meta, call.header("x-amz-checksum-mode") == "ENABLED" && !range);
  override_fields(call.view, headers);
  headers.emplace_back("x-amz-request-id", call.request_id);
  headers.insert(headers.end(), call.cors.begin(), call.cors.end());
  headers.insert(headers.end(), call.version.begin(), call.version.end());
  if (wanted == Wanted::not_modified) {
    std::erase_if(headers, [](const auto& header) { return header.first.starts_with("x-amz-checksum-"); });
    call.conversation.reply(304, headers, "");
    return {};
  }
  if (range) headers.emplace_back("Content-Range", fmt::format("bytes {}-{}/{}", range->from, range->until - 1, size));
  uint64_t at = range ? range->from : 0;
  const uint64_t end = range ? range->until : size;
  // HEAD has the length of what GET would answer.
  call.conversation.begin(range ? 206 : 200, headers, end - at);
  while (at < end && call.view.method == "GET") {
    const size_t wanted_bytes = std::min<uint64_t>(piece_bytes, end - at);
    auto piece = reader->read(at, wanted_bytes);
    if (!piece) {
      auto repaired = reopen_repaired(bucket, meta);
      if (repaired) piece = (reader = std::move(*repaired))->read(at, wanted_bytes);
    }
    if (!piece) return tl::unexpected(fault_of(piece.error(), "InternalError"));
    if (!call.conversation.write(*piece)) {
      call.conversation.abort();  // the client has gone, or this site stops: nobody is to be told more
      return {};
    }
    at += piece->size();
  }
  call.conversation.end();
  return {};
}

S3Service::Outcome<ports::Removed> S3Service::remove_one(const Bucket& bucket, const std::string& key,
                                                         const ports::WriteCondition& condition) {
  return note_removed(bucket, key, parts_.store.remove(bucket.id, key, condition));
}

S3Service::Outcome<void> S3Service::delete_object(S3Call& call, const Bucket& bucket) {
  S3_TRY(const auto condition, write_condition(call.view));
  const std::string version = call.version_id();
  if (version.empty()) {
    S3_TRY(const auto removed, remove_one(bucket, call.key, condition));
    call.set_version(removed.marker);
  } else {
    if (condition.if_etag || condition.if_absent)
      return refuse("NotImplemented", "a version is deleted unconditionally");
    S3_TRY(const auto removed, remove_version(call, bucket, call.key, version));
    call.version = {{"x-amz-version-id", version}};
    if (removed.gone) call.set_version(removed.gone->version);
  }
  call.reply(204, {}, "");
  return {};
}

/// x-amz-copy-source: an object of a bucket that has its home or a copy here, too.
S3Service::Outcome<S3Service::Source> S3Service::copy_source(S3Call& call) {
  std::string_view text = *call.view.header("x-amz-copy-source");
  constexpr std::string_view mark = "?versionId=";
  const size_t at = text.find(mark);
  const std::string version(at == std::string_view::npos ? std::string_view() : text.substr(at + mark.size()));
  text = text.substr(0, at);
  auto decoded = api::s3::uri_decode(text);
  if (decoded && decoded->starts_with('/')) decoded->erase(0, 1);
  const size_t slash = decoded ? decoded->find('/') : std::string::npos;
  if (slash == std::string::npos) return refuse("InvalidArgument", "x-amz-copy-source must be /BUCKET/KEY");
  const Bucket* found = directory_.find(decoded->substr(0, slash));
  if (found == nullptr) return refuse("NoSuchBucket", "the bucket of x-amz-copy-source does not exist");
  const Bucket from = *found;  // the orders may change while this call waits
  S3_TRY_DO(check_residency(call, from));
  const bool is_copied = copies_.is_copied(from) && from.is_member(config_.site);
  if (is_copied ? !copies_.may_read(from) : from.home != config_.site) {
    return refuse("NotImplemented", "the source has its home at " + from.home.str() +
                                        "; copies from one site to another are not built: read it and put it");
  }
  const std::string key = decoded->substr(slash + 1);
  S3_TRY_DO(check_access(call, from, version.empty() ? "s3:GetObject" : "s3:GetObjectVersion", key));
  auto opened = parts_.store.open(from.id, key, version);
  if (!opened) {
    const bool is_missing = opened.error().code == Code::not_found && !version.empty();
    return tl::unexpected(fault_of(opened.error(), is_missing ? "NoSuchVersion" : "NoSuchKey"));
  }
  S3_TRY_DO(check_conditions(call.view, (*opened)->meta(), "x-amz-copy-source-"));
  const auto size = static_cast<uint64_t>((*opened)->meta().size);
  S3_TRY(const auto range, range_of(call.header("x-amz-copy-source-range"), size));
  const auto told = told_version(from, (*opened)->meta());
  return Source{std::move(*opened), range ? range->from : 0, range ? range->until : size, told ? told->id() : ""};
}

S3Service::Outcome<S3Service::Received> S3Service::copy_content(Source& source, const Bucket& bucket) {
  if (source.until - source.from > most_object_bytes)
    return refuse("EntityTooLarge", "at most 5 GiB are copied at once");
  S3_TRY_DO(check_quota(bucket, source.until - source.from));
  auto writer = parts_.store.writer(bucket.id);
  if (!writer) return tl::unexpected(fault_of(writer.error(), "NoSuchBucket"));
  api::s3::Checksum checksum(api::s3::ChecksumKind::crc64nvme);
  for (uint64_t at = source.from; at < source.until;) {
    const auto piece = source.reader->read(at, std::min<uint64_t>(piece_bytes, source.until - at));
    if (!piece) return tl::unexpected(fault_of(piece.error(), "InternalError"));
    checksum.add(piece->view());
    const auto written = (*writer)->write(piece->view());
    if (!written) return tl::unexpected(fault_of(written.error(), "InternalError"));
    at += piece->size();
  }
  auto digest = (*writer)->finish();
  if (!digest) return tl::unexpected(fault_of(digest.error(), "InternalError"));
  return Received{std::move(*writer), std::move(*digest), kept_checksum({checksum.kind(), checksum.finish()})};
}

S3Service::Outcome<void> S3Service::copy_object(S3Call& call, const Bucket& bucket) {
  S3_TRY(NewObject made, new_object(call, bucket));
  S3_TRY(Source source, copy_source(call));
  const ports::ObjectMeta& from = source.reader->meta();
  if (call.header("x-amz-metadata-directive") != "REPLACE") made.fields = from.fields;
  if (call.header("x-amz-tagging-directive") != "REPLACE") made.tags = from.tags;
  S3_TRY(Received received, copy_content(source, bucket));
  const ports::WriteCondition condition = made.condition;
  ports::ObjectMeta meta{.key = call.key,
                         .size = received.digest.size,
                         .etag = hex_of(received.digest.md5),
                         .sha256 = hex_of(received.digest.sha256),
                         .modified = parts_.runtime.wall(),
                         .checksum = received.checksum};
  std::move(made).describe(meta);
  set_default_lock(bucket, meta);
  const auto put = parts_.store.put(bucket.id, meta, std::move(received.content), condition);
  if (!put) return tl::unexpected(fault_of(put.error(), "NoSuchKey"));
  call.set_version(*put);
  if (!source.version.empty()) call.version.emplace_back("x-amz-copy-source-version-id", source.version);
  S3_TRY_DO(note(ObjectAct::stored, bucket, meta));
  XmlWriter xml;
  xml.open_root("CopyObjectResult");
  xml.leaf("LastModified", iso_time(meta.modified));
  xml.leaf("ETag", quoted(meta.etag));
  xml.close();
  call.reply_xml(xml.text());
  return {};
}

S3Service::Outcome<void> S3Service::object_tags(S3Call& call, const Bucket& bucket) {
  std::map<std::string, std::string> tags;
  if (call.view.method == "GET") {
    const auto opened = parts_.store.open(bucket.id, call.key, call.version_id());
    if (!opened) return tl::unexpected(missing_object(call, bucket, opened.error()));
    call.set_version(told_version(bucket, (*opened)->meta()));
    XmlWriter xml;
    xml.open_root("Tagging");
    xml.open("TagSet");
    for (const auto& [name, value] : (*opened)->meta().tags) {
      xml.open("Tag");
      xml.leaf("Key", name);
      xml.leaf("Value", value);
      xml.close();
    }
    xml.close();
    xml.close();
    call.reply_xml(xml.text());
    return {};
  }
  if (call.view.method == "PUT") {
    S3_TRY(CheckedBody body, CheckedBody::of(call));
    S3_TRY(const std::string text, body.read_all(most_tagging_bytes));
    S3_TRY(tags, tags_in(text));
    S3_TRY_DO(check_tags(tags));
  } else if (call.view.method != "DELETE") {
    return refuse("MethodNotAllowed", "tags are read, put and deleted");
  }
  const auto set = parts_.store.describe(bucket.id, call.key, call.version_id(), [&](ports::ObjectMeta& meta) {
    meta.tags = tags;
    return Result<void>();
  });
  if (!set) return tl::unexpected(missing_object(call, bucket, set.error()));
  call.set_version(told_version(bucket, *set));
  call.reply(call.view.method == "PUT" ? 200 : 204, {}, "");
  return {};
}

}  // namespace barrio::objects
