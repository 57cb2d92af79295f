// Objects in parts.

#include <algorithm>

#include "base/base64.h"
#include "base/hash.h"
#include "base/text.h"
#include "objects/answers.h"
#include "objects/conditions.h"
#include "objects/s3_service.h"

namespace barrio::objects {

using api::s3::refuse;
using api::s3::XmlWriter;

namespace {

constexpr uint64_t most_parts = 10'000;
constexpr size_t most_complete_bytes = 4 * 1024 * 1024;

/// A part's number; nothing for any other text.
std::optional<int> part_number(std::string_view text) {
  const auto number = parse_uint(text);
  return number && *number >= 1 && *number <= most_parts ? std::optional(static_cast<int>(*number)) : std::nullopt;
}

/// The parts that are asked for, each as it was stored.
api::s3::Outcome<std::vector<ports::UploadPart>> chosen_parts(const api::s3::XmlElement& wanted,
                                                              const std::vector<ports::UploadPart>& there,
                                                              int64_t least_bytes) {
  std::vector<ports::UploadPart> chosen;
  for (const auto& element : wanted.children) {
    if (element.name != "Part") continue;
    const auto number = part_number(element.text_of("PartNumber"));
    const auto found = std::ranges::find(there, number.value_or(0), &ports::UploadPart::number);
    if (!number || found == there.end() || unquoted(element.text_of("ETag")) != found->etag) {
      return refuse("InvalidPart", "part " + element.text_of("PartNumber") + " is not there, or has another ETag");
    }
    if (found->checksum) {
      const std::string told = element.text_of("Checksum" + found->checksum->algorithm);
      if (!told.empty() && told != found->checksum->value) return refuse("InvalidPart", "a part has another checksum");
    }
    if (!chosen.empty() && chosen.back().number >= *number) return refuse("InvalidPartOrder", "parts must ascend");
    if (!chosen.empty() && chosen.back().size < least_bytes) {
      return refuse("EntityTooSmall", "every part but the last has at least " + to_string(Bytes(least_bytes)));
    }
    chosen.push_back(*found);
  }
  if (chosen.empty()) return refuse("MalformedXML", "no part is named");
  return chosen;
}

std::vector<std::string> etags_asked(const api::s3::XmlElement& wanted) {
  std::vector<std::string> etags;
  for (const auto& element : wanted.children) {
    if (element.name == "Part") etags.emplace_back(unquoted(element.text_of("ETag")));
  }
  return etags;
}

/// S3's ETag of an object in parts, of the parts' own.
std::string etag_of_parts(const std::vector<std::string>& etags) {
  std::string md5s;
  for (const std::string& etag : etags) md5s += bytes_of_hex(etag).value_or("");
  return hex_of(hash_of(HashKind::md5, md5s)) + "-" + std::to_string(etags.size());
}

/// S3's checksum of checksums: of the parts' raw ones, one after the other.
std::optional<ports::ObjectChecksum> composite(const std::vector<ports::UploadPart>& parts) {
  std::string raw;
  for (const ports::UploadPart& part : parts) {
    if (!part.checksum || part.checksum->algorithm != parts.front().checksum->algorithm) return std::nullopt;
    raw += from_base64(part.checksum->value).value_or("");
  }
  const auto kind = api::s3::checksum_of(parts.front().checksum->algorithm);
  // That of CRC64NVME is always of the whole object, and would need all of it to be read again.
  if (!kind || *kind == api::s3::ChecksumKind::crc64nvme) return std::nullopt;
  api::s3::Checksum checksum(*kind);
  checksum.add(raw);
  return ports::ObjectChecksum{std::string(api::s3::name_of(*kind)),
                               checksum.finish() + "-" + std::to_string(parts.size()), "COMPOSITE"};
}

}  // namespace

S3Service::Outcome<void> S3Service::begin_upload(S3Call& call, const Bucket& bucket) {
  S3_TRY(NewObject made, new_object(call, bucket));
  const std::string algorithm = call.header("x-amz-checksum-algorithm");
  if (!algorithm.empty() && !api::s3::checksum_of(algorithm)) {
    return refuse("InvalidRequest", "x-amz-checksum-algorithm must be CRC32, CRC32C, CRC64NVME, SHA1 or SHA256");
  }
  ports::ObjectMeta meta{.key = call.key, .modified = parts_.runtime.wall()};
  std::move(made).describe(meta);
  const auto id = parts_.store.begin_upload(bucket.id, std::move(meta));
  if (!id) return tl::unexpected(fault_of(id.error(), "NoSuchBucket"));
  XmlWriter xml;
  xml.open_root("InitiateMultipartUploadResult");
  xml.leaf("Bucket", bucket.name.str());
  xml.leaf("Key", call.key);
  xml.leaf("UploadId", *id);
  xml.close();
  net::OwnedHeaders headers = {{"Content-Type", "application/xml"}};
  if (!algorithm.empty())
    headers.emplace_back("x-amz-checksum-algorithm", to_lower(algorithm) == "crc64nvme" ? "CRC64NVME" : algorithm);
  call.reply(200, std::move(headers), xml.text());
  return {};
}

/// One that cannot be read just now is there all the same: who is told that it is not gives it up.
S3Service::Outcome<ports::Upload> S3Service::find_upload(const Bucket& bucket, const std::string& id,
                                                         const std::string& key) {
  auto found = parts_.store.upload(bucket.id, id);
  if (!found) return tl::unexpected(fault_of(found.error(), "NoSuchUpload"));
  if (found->meta.key != key) return refuse("NoSuchUpload", "there is no such upload of this key");
  return std::move(*found);
}

S3Service::Outcome<void> S3Service::upload_part(S3Call& call, const Bucket& bucket) {
  const auto number = part_number(call.view.parameter("partNumber").value_or(""));
  const std::string upload = call.view.parameter("uploadId").value_or("");
  if (!number) return refuse("InvalidArgument", "partNumber must be from 1 to 10000");
  S3_TRY_DO(refuse_unbuilt(call.view));
  S3_TRY_DO(find_upload(bucket, upload, call.key));
  const bool copies = call.view.header("x-amz-copy-source").has_value();
  Received received;
  if (copies) {
    S3_TRY(Source source, copy_source(call));
    if (!source.version.empty()) call.version = {{"x-amz-copy-source-version-id", source.version}};
    S3_TRY(received, copy_content(source, bucket));
  } else {
    S3_TRY(received, receive(call, bucket));
  }
  ports::UploadPart part{*number,
                         received.digest.size,
                         hex_of(received.digest.md5),
                         hex_of(received.digest.sha256),
                         parts_.runtime.wall(),
                         received.checksum};
  const auto put = parts_.store.put_part(bucket.id, upload, part, std::move(received.content));
  if (!put) return tl::unexpected(fault_of(put.error(), "NoSuchUpload"));
  if (!copies) {
    call.reply(
        200,
        {{"ETag", quoted(part.etag)}, {"x-amz-checksum-" + to_lower(part.checksum->algorithm), part.checksum->value}},
        "");
    return {};
  }
  XmlWriter xml;
  xml.open_root("CopyPartResult");
  xml.leaf("LastModified", iso_time(part.modified));
  xml.leaf("ETag", quoted(part.etag));
  xml.close();
  call.reply_xml(xml.text());
  return {};
}

/// What a CompleteMultipartUpload asks for.
S3Service::Outcome<api::s3::XmlElement> S3Service::read_completion(const S3Call& call) {
  S3Call without_checksum = call;  // its x-amz-checksum-... is the object's, not this body's
  for (auto& [name, value] : without_checksum.view.headers) {
    if (to_lower(name).starts_with("x-amz-checksum-")) name = "";
  }
  S3_TRY(CheckedBody body, CheckedBody::of(without_checksum));
  S3_TRY(const std::string text, body.read_all(most_complete_bytes));
  auto wanted = api::s3::read_xml(text);
  if (!wanted || wanted->name != "CompleteMultipartUpload") {
    return refuse("MalformedXML", wanted ? "the root must be CompleteMultipartUpload" : wanted.error().text());
  }
  return std::move(*wanted);
}

S3Service::Outcome<ports::ObjectMeta> S3Service::finish_upload(const S3Call& call, const Bucket& bucket,
                                                               const api::s3::XmlElement& wanted) {
  const std::string id = call.view.parameter("uploadId").value_or("");
  S3_TRY(const auto condition, write_condition(call.view));
  S3_TRY(const ports::Upload upload, find_upload(bucket, id, call.key));
  const auto there = parts_.store.parts(bucket.id, id);
  if (!there) return tl::unexpected(fault_of(there.error(), "NoSuchUpload"));
  S3_TRY(const auto chosen, chosen_parts(wanted, *there, config_.least_part_bytes));
  ports::ObjectMeta meta = upload.meta;
  std::vector<std::string> etags;
  std::string hashes;
  for (const ports::UploadPart& part : chosen) {
    meta.size += part.size;
    etags.push_back(part.etag);
    hashes += bytes_of_hex(part.sha256).value_or("");
  }
  meta.etag = etag_of_parts(etags);
  meta.sha256 = hex_of(hash_of(HashKind::sha256, hashes));
  meta.modified = parts_.runtime.wall();
  meta.checksum = composite(chosen);
  set_default_lock(bucket, meta);
  const auto done = parts_.store.complete_upload(bucket.id, id, chosen, meta, condition);
  if (!done) {
    return done.error().code == Code::invalid ? refuse("InvalidPart", done.error().text())
                                              : tl::unexpected(fault_of(done.error(), "NoSuchUpload"));
  }
  meta.version = *done;
  return meta;
}

S3Service::Outcome<void> S3Service::complete_upload(S3Call& call, const Bucket& bucket) {
  S3_TRY(const api::s3::XmlElement wanted, read_completion(call));
  auto done = finish_upload(call, bucket, wanted);
  // Who got no answer to the one before asks again: it is done, here or at the home before this one. A leaf of it may
  // be missing where that one ended in between, so it gets another.
  if (!done && done.error().code == "NoSuchUpload") {
    auto before = parts_.store.completed_upload(bucket.id, call.view.parameter("uploadId").value_or(""), call.key,
                                                etag_of_parts(etags_asked(wanted)));
    if (before) done = std::move(*before);
    if (!before && before.error().code != Code::not_found)
      done = tl::unexpected(fault_of(before.error(), "NoSuchUpload"));
  }
  S3_TRY(const ports::ObjectMeta meta, std::move(done));
  call.set_version(meta.version);
  S3_TRY_DO(note(ObjectAct::stored, bucket, meta));
  XmlWriter xml;
  xml.open_root("CompleteMultipartUploadResult");
  xml.leaf("Location", "/" + bucket.name.str() + "/" + api::s3::uri_encode(call.key, true));
  xml.leaf("Bucket", bucket.name.str());
  xml.leaf("Key", call.key);
  xml.leaf("ETag", quoted(meta.etag));
  if (meta.checksum) xml.leaf("Checksum" + meta.checksum->algorithm, meta.checksum->value);
  xml.close();
  call.reply_xml(xml.text());
  return {};
}

S3Service::Outcome<void> S3Service::abort_upload(S3Call& call, const Bucket& bucket) {
  const auto aborted = parts_.store.abort_upload(bucket.id, call.view.parameter("uploadId").value_or(""));
  if (!aborted) return tl::unexpected(fault_of(aborted.error(), "NoSuchUpload"));
  call.reply(204, {}, "");
  return {};
}

S3Service::Outcome<void> S3Service::list_parts(S3Call& call, const Bucket& bucket) {
  const std::string id = call.view.parameter("uploadId").value_or("");
  const auto after = parse_uint(call.view.parameter("part-number-marker").value_or("0"));
  const auto limit = parse_uint(call.view.parameter("max-parts").value_or("1000"));
  if (!after || !limit) return refuse("InvalidArgument", "part-number-marker and max-parts must be numbers");
  auto parts = parts_.store.parts(bucket.id, id);
  if (!parts) return tl::unexpected(fault_of(parts.error(), "NoSuchUpload"));
  std::erase_if(*parts, [&](const ports::UploadPart& part) { return static_cast<uint64_t>(part.number) <= *after; });
  const size_t shown = std::min<size_t>(parts->size(), std::min<uint64_t>(*limit, 1000));
  XmlWriter xml;
  xml.open_root("ListPartsResult");
  xml.leaf("Bucket", bucket.name.str());
  xml.leaf("Key", call.key);
  xml.leaf("UploadId", id);
  xml.leaf("PartNumberMarker", static_cast<int64_t>(*after));
  xml.leaf("MaxParts", static_cast<int64_t>(*limit));
  xml.flag("IsTruncated", shown < parts->size());
  if (shown > 0) xml.leaf("NextPartNumberMarker", int64_t{(*parts)[shown - 1].number});
  write_owner(xml, "Initiator", bucket.tenant);
  write_owner(xml, "Owner", bucket.tenant);
  xml.leaf("StorageClass", "STANDARD");
  for (size_t i = 0; i < shown; ++i) {
    const ports::UploadPart& part = (*parts)[i];
    xml.open("Part");
    xml.leaf("PartNumber", int64_t{part.number});
    xml.leaf("LastModified", iso_time(part.modified));
    xml.leaf("ETag", quoted(part.etag));
    xml.leaf("Size", part.size);
    if (part.checksum) xml.leaf("Checksum" + part.checksum->algorithm, part.checksum->value);
    xml.close();
  }
  xml.close();
  call.reply_xml(xml.text());
  return {};
}

}  // namespace barrio::objects
