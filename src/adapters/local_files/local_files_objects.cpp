// Objects of a LocalFilesStore: put, read, removed, listed.

#include <algorithm>

#include "adapters/local_files/local_files_store.h"
#include "base/check.h"

namespace barrio::adapters {

using namespace local_files;

namespace {

constexpr int open_attempts = 4;
constexpr size_t scrub_piece = 1024 * 1024;

std::string lock_name(const std::string& bucket, const std::string& key) {
  return bucket + "/o/" + key;
}

/// The first text that is greater than all that begin with `prefix`; empty: there is none.
std::string behind_all(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff) prefix.pop_back();
  if (!prefix.empty()) prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

}  // namespace

Result<std::unique_ptr<ports::ObjectWriter>> LocalFilesStore::writer(const std::string& bucket) {
  TRY(const std::string* key, key_of(bucket));
  return std::make_unique<ContentWriter>(runtime_, disk_, config_.folder + "/objects", *key);
}

Result<void> LocalFilesStore::put(const std::string& bucket, ports::ObjectMeta meta,
                                  std::unique_ptr<ports::ObjectWriter> content,
                                  const ports::WriteCondition& condition) {
  auto& written = static_cast<ContentWriter&>(*content);  // of writer()
  RecordBody body{.meta = std::move(meta), .extents = {}, .upload = {}};
  if (written.extent()) body.extents.push_back(*written.extent());
  const KeyLocks::Hold hold(locks_, lock_name(bucket, body.meta.key));
  TRY_DO(check(bucket, body.meta.key, condition));
  return commit(RecordKind::put, bucket, std::move(body), written.extent() ? "" : written.inlined(), &written);
}

Result<void> LocalFilesStore::set_tags(const std::string& bucket, const std::string& key,
                                       std::map<std::string, std::string> tags) {
  const KeyLocks::Hold hold(locks_, lock_name(bucket, key));
  const IndexedObject* present = find(bucket, key);
  if (present == nullptr) return fail(Code::not_found, "there is no such object", key);
  TRY(auto record, read_record(bucket, present->place));
  record.body.meta.tags = std::move(tags);
  record.body.upload.clear();
  return commit(RecordKind::put, bucket, std::move(record.body), record.content);
}

Result<std::unique_ptr<ports::ObjectReader>> LocalFilesStore::open(const std::string& bucket, const std::string& key) {
  for (int attempt = 1;; ++attempt) {
    TRY(const std::string* bucket_key, key_of(bucket));
    const IndexedObject* present = find(bucket, key);
    if (present == nullptr) return fail(Code::not_found, "there is no such object", key);
    const std::string kept_key = *bucket_key;
    std::vector<SharedFile> files;
    Result<void> opened;
    TRY(auto record, read_record(bucket, present->place, [&](const OpenedRecord& read) {
          for (const Extent& extent : read.body.extents) {
            auto file = open_file(config_.folder + "/objects/" + extent.file);
            if (file) files.push_back(std::move(*file));
            if (!file && opened) opened = fail(std::move(file).error());
          }
        }));
    if (opened) return std::make_unique<ContentReader>(runtime_, kept_key, std::move(record), std::move(files));
    // Replaced, and its content gone, since it was looked up.
    if (opened.error().code != Code::not_found || attempt == open_attempts) {
      return fail(Code::unavailable, "the content cannot be opened: " + opened.error().text(), key);
    }
  }
}

Result<std::optional<ports::ListedObject>> LocalFilesStore::remove(const std::string& bucket, const std::string& key,
                                                                   const ports::WriteCondition& condition) {
  const KeyLocks::Hold hold(locks_, lock_name(bucket, key));
  TRY_DO(key_of(bucket));
  TRY_DO(check(bucket, key, condition));
  const IndexedObject* present = find(bucket, key);
  if (present == nullptr) return std::optional<ports::ListedObject>();
  ports::ListedObject went{key, present->size, present->etag, present->modified};
  RecordBody body;
  body.meta.key = key;
  TRY_DO(commit(RecordKind::remove, bucket, std::move(body)));
  return std::optional(std::move(went));
}

Result<ports::ObjectListing> LocalFilesStore::list(const std::string& bucket, const ports::ObjectQuery& query) const {
  TRY_DO(key_of(bucket));
  ports::ObjectListing listing;
  const BucketIndex* in = index_.find(bucket);
  if (in == nullptr || query.limit == 0) return listing;
  const auto& objects = in->objects;
  auto at = query.after < query.prefix ? objects.lower_bound(query.prefix) : objects.upper_bound(query.after);
  std::string last;
  while (at != objects.end() && at->first.starts_with(query.prefix)) {
    const std::string& key = at->first;
    const size_t cut = query.delimiter.empty() ? std::string::npos : key.find(query.delimiter, query.prefix.size());
    const std::string common = cut == std::string::npos ? "" : key.substr(0, cut + query.delimiter.size());
    // A page may end with a common prefix; what is behind it was told with it.
    if (!common.empty() && query.after.starts_with(common)) {
      const std::string behind = behind_all(common);
      at = behind.empty() ? objects.end() : objects.lower_bound(behind);
      continue;
    }
    if (listing.objects.size() + listing.prefixes.size() == query.limit) {
      listing.next = last;
      return listing;
    }
    if (common.empty()) {
      listing.objects.push_back({key, at->second.size, at->second.etag, at->second.modified});
      last = key;
      ++at;
    } else {
      listing.prefixes.push_back(common);
      last = common;
      const std::string behind = behind_all(common);
      at = behind.empty() ? objects.end() : objects.lower_bound(behind);
    }
  }
  return listing;
}

Result<std::optional<ports::Scrubbed>> LocalFilesStore::scrub_after(const std::string& bucket, const std::string& key) {
  std::optional<ports::Scrubbed> next;
  for (auto in = index_.buckets().lower_bound(bucket); in != index_.buckets().end() && !next; ++in) {
    const auto& objects = in->second.objects;
    const auto at = in->first == bucket ? objects.upper_bound(key) : objects.begin();
    if (at != objects.end()) next = ports::Scrubbed{in->first, at->first, 0, {}};
  }
  if (!next) return next;
  auto reader = open(next->bucket, next->key);
  if (!reader) {
    if (reader.error().code != Code::not_found) next->damage = reader.error();
    return next;
  }
  const int64_t size = (*reader)->meta().size;
  while (next->bytes < size) {
    const auto piece = (*reader)->read(static_cast<uint64_t>(next->bytes), scrub_piece);
    if (!piece) {
      next->damage = piece.error();
      return next;
    }
    next->bytes += static_cast<int64_t>(piece->size());
  }
  return next;
}

}  // namespace barrio::adapters
