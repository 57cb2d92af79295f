// Objects of a SealedStore: put, read, removed.

#include <algorithm>

#include "adapters/sealed_store/sealed_store.h"
#include "base/check.h"

namespace barrio::adapters {

using namespace sealed_store;

namespace {

constexpr int open_attempts = 4;

std::string lock_name(const std::string& bucket, const std::string& key) {
  return bucket + "/o/" + key;
}

ports::ListedObject listed(const std::string& key, const IndexedObject& object) {
  return {key, object.size, object.etag, object.modified, object.version};
}

}  // namespace

Result<std::unique_ptr<ports::ObjectWriter>> SealedStore::writer(const std::string& bucket) {
  TRY(const std::string* key, key_of(bucket));
  return std::make_unique<ContentWriter>(runtime_, *medium_, hashing_, *key, doomed_);
}

Result<std::optional<ports::ObjectVersion>> SealedStore::put(const std::string& bucket, ports::ObjectMeta meta,
                                                             std::unique_ptr<ports::ObjectWriter> content,
                                                             const ports::WriteCondition& condition) {
  auto& written = static_cast<ContentWriter&>(*content);  // of writer()
  RecordBody body{.meta = std::move(meta), .extents = {}, .upload = {}};
  if (written.extent()) body.extents.push_back(*written.extent());
  const KeyLocks::Hold hold(locks_, lock_name(bucket, body.meta.key));
  TRY_DO(check(bucket, body.meta.key, condition));
  const auto version = next_version(bucket, body.meta.key);
  body.meta.version = version;
  TRY_DO(commit(RecordKind::put, bucket, std::move(body), written.extent() ? "" : written.inlined(), &written));
  return version;
}

Result<ports::ObjectMeta> SealedStore::describe(const std::string& bucket, const std::string& key,
                                                const std::string& version,
                                                const std::function<Result<void>(ports::ObjectMeta&)>& change) {
  const KeyLocks::Hold hold(locks_, lock_name(bucket, key));
  const IndexedObject* present = find(bucket, key, version);
  if (present == nullptr) return fail(Code::not_found, "there is no such object", key);
  TRY(auto record, read_record(bucket, present->place));
  TRY_DO(change(record.body.meta));
  ports::ObjectMeta described = record.body.meta;
  TRY_DO(commit(RecordKind::put, bucket, std::move(record.body), record.content));
  return described;
}

Result<std::unique_ptr<ports::ObjectReader>> SealedStore::open(const std::string& bucket, const std::string& key,
                                                               const std::string& version) {
  return open_with(bucket, key, version, &cache_);
}

Result<std::unique_ptr<ports::ObjectReader>> SealedStore::open_with(const std::string& bucket, const std::string& key,
                                                                    const std::string& version, ContentCache* cache) {
  for (int attempt = 1;; ++attempt) {
    TRY(const std::string* bucket_key, key_of(bucket));
    const IndexedObject* present = find(bucket, key, version);
    if (present == nullptr) return fail(Code::not_found, "there is no such object", key);
    const uint64_t drops = cache_.drops();
    const std::string kept_key = *bucket_key;
    std::vector<ports::SharedFile> files;
    Result<void> opened;
    TRY(auto record, read_record(bucket, present->place, [&](const OpenedRecord& read) {
          for (const Extent& extent : read.body.extents) {
            auto file = medium_->open(ports::Folder::content, extent.file);
            if (file) files.push_back(std::move(*file));
            if (!file && opened) opened = fail(std::move(file).error());
          }
        }));
    if (opened)
      return std::make_unique<ContentReader>(runtime_, kept_key, std::move(record), std::move(files), cache, drops);
    // Replaced, and its content gone, since it was looked up.
    if (opened.error().code != Code::not_found || attempt == open_attempts) {
      return fail(Code::unavailable, "the content cannot be opened: " + opened.error().text(), key);
    }
  }
}

Result<ports::Removed> SealedStore::remove(const std::string& bucket, const std::string& key,
                                           const ports::WriteCondition& condition) {
  const KeyLocks::Hold hold(locks_, lock_name(bucket, key));
  TRY_DO(key_of(bucket));
  TRY_DO(check(bucket, key, condition));
  ports::Removed removed;
  RecordBody body;
  body.meta.key = key;
  body.meta.version = next_version(bucket, key);
  const bool replaces_null = !body.meta.version || !body.meta.version->numbered;
  const IndexedObject* replaced = replaces_null ? find_any(bucket, key, {}) : nullptr;
  if (replaced != nullptr && !replaced->version.marker) removed.gone = listed(key, *replaced);
  if (!body.meta.version) {
    if (removed.gone) TRY_DO(commit(RecordKind::remove, bucket, std::move(body)));
    return removed;
  }
  body.meta.version->marker = true;
  body.meta.modified = runtime_.wall();
  removed.marker = body.meta.version;
  TRY_DO(commit(RecordKind::put, bucket, std::move(body)));
  return removed;
}

Result<ports::Removed> SealedStore::remove_version(
    const std::string& bucket, const std::string& key, const std::string& version,
    const std::function<Result<void>(const ports::ObjectMeta&)>& permit) {
  const KeyLocks::Hold hold(locks_, lock_name(bucket, key));
  TRY_DO(key_of(bucket));
  const auto wanted = ports::ObjectVersion::of_id(version);
  const IndexedObject* present = wanted ? find_any(bucket, key, *wanted) : nullptr;
  if (present == nullptr) return ports::Removed();
  ports::Removed removed{listed(key, *present)};
  if (permit) {
    TRY(const auto record, read_record(bucket, present->place));
    TRY_DO(permit(record.body.meta));
  }
  RecordBody body;
  body.meta.key = key;
  body.meta.version = removed.gone->version;
  TRY_DO(commit(RecordKind::remove, bucket, std::move(body)));
  return removed;
}

}  // namespace barrio::adapters
