// Objects that come in parts. Parts are files from the beginning, and become the object without being copied.

#include <algorithm>

#include "adapters/sealed_store/sealed_store.h"
#include "base/crypto.h"
#include "base/hash.h"

namespace barrio::adapters {

using namespace sealed_store;

namespace {

/// Versions of a key with the same etag, which are the same bytes in the same parts again; the newest first.
constexpr size_t most_looked_through = 16;

std::string upload_lock(const std::string& bucket, const std::string& upload) {
  return bucket + "/u/" + upload;
}

tl::unexpected<Error> no_upload(const std::string& upload) {
  return fail(Code::not_found, "there is no such upload", upload.substr(0, 80));
}

}  // namespace

const IndexedUpload* SealedStore::find_upload(const std::string& bucket, const std::string& upload) const {
  const BucketIndex* in = index_.find(bucket);
  if (in == nullptr) return nullptr;
  const auto found = in->uploads.find(upload);
  return found == in->uploads.end() || !found->second.place.file ? nullptr : &found->second;
}

Result<std::string> SealedStore::begin_upload(const std::string& bucket, ports::ObjectMeta meta) {
  const std::string id = hex_of(random_bytes(16));
  TRY_DO(commit(RecordKind::upload, bucket, {.meta = std::move(meta), .extents = {}, .upload = id}));
  return id;
}

Result<void> SealedStore::put_part(const std::string& bucket, const std::string& upload, ports::UploadPart part,
                                   std::unique_ptr<ports::ObjectWriter> content) {
  auto& written = static_cast<ContentWriter&>(*content);  // of writer()
  RecordBody body{.meta = {}, .extents = {}, .upload = upload, .part = part.number};
  body.meta.size = part.size;
  body.meta.etag = std::move(part.etag);
  body.meta.sha256 = std::move(part.sha256);
  body.meta.modified = part.modified;
  body.meta.checksum = std::move(part.checksum);
  if (!written.extent()) {
    // Small, and not in a file yet: parts are.
    TRY(const std::string* key, key_of(bucket));
    auto file = std::make_unique<ContentWriter>(runtime_, *medium_, hashing_, *key, doomed_);
    file->use_file();
    TRY_DO(file->write(written.inlined()));
    TRY_DO(file->finish());
    body.extents.push_back(*file->extent());
    content = std::move(file);
  } else {
    body.extents.push_back(*written.extent());
  }
  const KeyLocks::Hold hold(locks_, upload_lock(bucket, upload));
  if (find_upload(bucket, upload) == nullptr) return no_upload(upload);
  return commit(RecordKind::part, bucket, std::move(body), {}, static_cast<ContentWriter*>(content.get()));
}

Result<ports::Upload> SealedStore::upload(const std::string& bucket, const std::string& upload) {
  const IndexedUpload* found = find_upload(bucket, upload);
  if (found == nullptr) return no_upload(upload);
  TRY(auto record, read_record(bucket, found->place));
  return ports::Upload{upload, std::move(record.body.meta)};
}

Result<std::vector<ports::UploadPart>> SealedStore::parts(const std::string& bucket, const std::string& upload) {
  const IndexedUpload* found = find_upload(bucket, upload);
  if (found == nullptr) return no_upload(upload);
  std::vector<std::pair<int, Place>> places;
  for (const auto& [number, part] : found->parts) places.emplace_back(number, part.place);
  std::vector<ports::UploadPart> parts;
  for (const auto& [number, place] : places) {
    TRY(auto record, read_record(bucket, place));
    ports::ObjectMeta& meta = record.body.meta;
    parts.push_back(
        {number, meta.size, std::move(meta.etag), std::move(meta.sha256), meta.modified, std::move(meta.checksum)});
  }
  return parts;
}

std::vector<ports::Upload> SealedStore::uploads(const std::string& bucket) {
  std::vector<std::pair<std::string, Place>> places;
  if (const BucketIndex* in = index_.find(bucket)) {
    for (const auto& [id, upload] : in->uploads) {
      if (upload.place.file) places.emplace_back(id, upload.place);
    }
  }
  std::vector<ports::Upload> found;
  for (const auto& [id, place] : places) {
    auto record = read_record(bucket, place);
    if (record) found.push_back({id, std::move(record->body.meta)});
  }
  std::ranges::sort(found, [](const ports::Upload& a, const ports::Upload& b) {
    return std::pair(a.meta.key, a.id) < std::pair(b.meta.key, b.id);
  });
  return found;
}

Result<std::optional<ports::ObjectVersion>> SealedStore::complete_upload(const std::string& bucket,
                                                                         const std::string& upload,
                                                                         const std::vector<ports::UploadPart>& parts,
                                                                         ports::ObjectMeta meta,
                                                                         const ports::WriteCondition& condition) {
  const KeyLocks::Hold hold(locks_, upload_lock(bucket, upload));
  const KeyLocks::Hold of_object(locks_, bucket + "/o/" + meta.key);
  const IndexedUpload* found = find_upload(bucket, upload);
  if (found == nullptr) return no_upload(upload);
  TRY_DO(check(bucket, meta.key, condition));
  RecordBody body{.meta = std::move(meta), .extents = {}, .upload = upload};
  std::vector<Place> places;
  for (const ports::UploadPart& part : parts) {
    const auto present = found->parts.find(part.number);
    if (present == found->parts.end() || present->second.etag != part.etag) {
      return fail(Code::invalid, "part " + std::to_string(part.number) + " is not there, or has another ETag", "parts");
    }
    places.push_back(present->second.place);
  }
  for (const Place& place : places) {
    TRY(auto record, read_record(bucket, place));
    // An empty last part has a file, and nothing of it is ever read.
    for (Extent& extent : record.body.extents) body.extents.push_back(std::move(extent));
  }
  const auto version = next_version(bucket, body.meta.key);
  body.meta.version = version;
  TRY_DO(commit(RecordKind::put, bucket, std::move(body)));
  return version;
}

/// The record of an object says which upload it was. It is written again: where the one before had no answer, a
/// follower may not have it.
Result<ports::ObjectMeta> SealedStore::completed_upload(const std::string& bucket, const std::string& upload,
                                                        const std::string& key, const std::string& etag) {
  const KeyLocks::Hold hold(locks_, bucket + "/o/" + key);
  TRY_DO(key_of(bucket));
  std::vector<Place> places;
  if (const BucketIndex* in = index_.find(bucket)) {
    auto at = in->objects.first_behind(key, ObjectVersions::before_all);
    for (; at.key != nullptr && *at.key == key && places.size() < most_looked_through;
         at = in->objects.first_behind(key, at.object->version.order)) {
      if (at.object->etag == etag) places.push_back(at.object->place);
    }
  }
  for (const Place& place : places) {
    TRY(auto record, read_record(bucket, place));
    if (record.body.upload != upload) continue;
    ports::ObjectMeta meta = record.body.meta;
    TRY_DO(commit(RecordKind::put, bucket, std::move(record.body)));
    return meta;
  }
  return no_upload(upload);
}

Result<void> SealedStore::abort_upload(const std::string& bucket, const std::string& upload) {
  const KeyLocks::Hold hold(locks_, upload_lock(bucket, upload));
  if (find_upload(bucket, upload) == nullptr) return no_upload(upload);
  RecordBody body;
  body.upload = upload;
  return commit(RecordKind::abort, bucket, std::move(body));
}

}  // namespace barrio::adapters
