// What a SealedStore has to do with other sites that keep the same buckets: their changes are taken as they came,
// and its own are sent.

#include <algorithm>

#include "adapters/sealed_store/copy_names.h"
#include "adapters/sealed_store/counted.h"
#include "adapters/sealed_store/sealed_store.h"
#include "base/hash.h"
#include "base/rng.h"

namespace barrio::adapters {

using namespace sealed_store;

namespace {

constexpr auto content_folder = ports::Folder::content;

/// While its pieces come.
std::string partial_of(const std::string& file) {
  return file + ".part";
}

ports::ObjectVersion version_of(const RecordBody& body) {
  return body.meta.version.value_or(ports::ObjectVersion());
}

uint64_t stamp_of_upload(const IndexedUpload& upload) {
  uint64_t stamp = upload.place.stamp;
  for (const auto& [number, part] : upload.parts) stamp = mix(stamp, part.place.stamp);
  return stamp >> 1;
}

/// Fences and clearings are each site's own.
bool is_of_clients(RecordKind kind) {
  return (kind >= RecordKind::put && kind <= RecordKind::abort) || kind == RecordKind::setting;
}

ports::AcceptedCopy told(RecordKind kind, const RecordBody& body) {
  using Act = ports::AcceptedCopy::Act;
  const bool deletes = kind == RecordKind::remove || version_of(body).marker;
  const Act act = deletes ? Act::removed : kind == RecordKind::put ? Act::put : Act::other;
  return {{}, act, body.meta.key, body.meta.sha256, body.meta.size};
}

}  // namespace

int64_t SealedStore::epoch(const std::string& bucket) const {
  const BucketIndex* in = index_.find(bucket);
  const auto raising = raising_.find(bucket);
  return std::max(in == nullptr ? 0 : static_cast<int64_t>(in->epoch), raising == raising_.end() ? 0 : raising->second);
}

Result<void> SealedStore::raise_epoch(const std::string& bucket, int64_t epoch) {
  TRY(const std::string* key, key_of(bucket));
  const BucketIndex* in = index_.find(bucket);
  if (in == nullptr || static_cast<int64_t>(in->epoch) < epoch) {
    auto& raising = raising_[bucket];
    raising = std::max(raising, epoch);
    TRY_DO(write_fence(bucket, *key, static_cast<uint64_t>(epoch)));
  }
  while (true) {
    const auto lower = accepting_.lower_bound({bucket, 0});
    if (lower == accepting_.end() || lower->first.first != bucket || lower->first.second >= epoch) return {};
    ended_->wait_until(Time::max());
    if (runtime_.stopping()) return fail(Code::cancelled, "this site is stopping");
  }
}

Result<void> SealedStore::write_fence(const std::string& bucket, const std::string& key, uint64_t epoch) {
  const RecordBody body;
  const RecordHead head{0, epoch, RecordKind::fence, bucket};
  return append(head, body, encode_record(head.kind, head.epoch, bucket, key, body, {}));
}

std::vector<std::string> SealedStore::buckets() const {
  std::vector<std::string> ids;
  for (const auto& [id, key] : keys_.buckets()) ids.push_back(id);
  return ids;
}

Result<std::string> SealedStore::give_key(const std::string& bucket) const {
  TRY(const std::string* key, key_of(bucket));
  return *key;
}

Result<void> SealedStore::take_key(const std::string& bucket, const TenantId& tenant, const std::string& key) {
  const std::string* present = keys_.of_bucket(bucket);
  if (present != nullptr && *present == key) return {};
  if (present != nullptr) TRY_DO(forget_bucket(bucket));
  const ports::Turn::Hold turn(keys_turn_);
  if (const std::string* now = keys_.of_bucket(bucket)) {
    return *now == key ? Result<void>()
                       : fail(Code::conflict, "the bucket has another key by now; try again", "bucket");
  }
  if (erased_.contains(tenant)) return fail(Code::not_found, "the tenant was erased", tenant.str());
  // The journal may still have records of an earlier time here, which this key opens again: they end before it is here.
  const RecordBody body;
  const RecordHead head{0, 0, RecordKind::clear, bucket};
  TRY_DO(append(head, body, encode_record(head.kind, head.epoch, bucket, key, body, {})));
  Result<KeyRing::Made> made = fail(Code::cancelled, "");
  runtime_.offload([&] { made = keys_.make(bucket, tenant, key); });
  if (!made) return fail(std::move(made).error());
  keys_.adopt(std::move(*made));
  return {};
}

Result<void> SealedStore::forget_bucket(const std::string& bucket) {
  const auto accepting = accepting_.lower_bound({bucket, 0});
  if (changing_.contains(bucket) || (accepting != accepting_.end() && accepting->first.first == bucket)) {
    return fail(Code::conflict, "the bucket is being written to", "bucket");
  }
  closed_.insert(bucket);
  return let_go(bucket);
}

Result<void> SealedStore::erase_tenant(const TenantId& tenant) {
  const ports::Turn::Hold turn(keys_turn_);  // no bucket is made meanwhile
  erased_.insert(tenant);
  const auto buckets = keys_.buckets_of(tenant);
  closed_.insert(buckets.begin(), buckets.end());
  for (const std::string& bucket : buckets) {
    const auto accepting = accepting_.lower_bound({bucket, 0});
    if (changing_.contains(bucket) || (accepting != accepting_.end() && accepting->first.first == bucket)) {
      return fail(Code::conflict, "a bucket is being written to", "tenant " + tenant.str());
    }
  }
  Result<void> erased;
  runtime_.offload([&] { erased = keys_.erase_tenant(tenant); });
  TRY_DO(std::move(erased));
  keys_.forget_tenant(tenant);
  for (const std::string& bucket : buckets) forget(bucket);
  return {};
}

/// Content that the record refers to and that is not here.
Result<std::vector<ports::ContentFile>> SealedStore::missing_of(const RecordBody& body) {
  std::vector<ports::ContentFile> missing;
  for (const Extent& extent : body.extents) {
    if (!is_file_name(extent.file)) return fail(Code::invalid, "refers to a file of another kind", "record");
  }
  if (body.extents.empty()) return missing;
  runtime_.offload([&] {
    for (const Extent& extent : body.extents) {
      const int64_t bytes = sealed_size(extent.size);
      const auto file = medium_->open(content_folder, extent.file);
      const auto size = file ? (*file)->size() : Result<uint64_t>(fail(file.error()));
      if (!size || static_cast<int64_t>(*size) != bytes) missing.push_back({extent.file, bytes});
    }
  });
  return missing;
}

/// Files that were to go, and are used again if the record that refers to them gets here.
void SealedStore::rescue(const std::string& bucket, const std::vector<std::string>& files) {
  while (tidying_) tidied_->wait_until(Time::max());
  std::erase_if(doomed_, [&](const std::string& file) {
    const bool is_used = std::ranges::find(files, file) != files.end();
    if (is_used && is_file_name(file)) unclaimed_[file] = {bucket, runtime_.now()};
    return is_used;
  });
}

/// Content of homes that died, or lost the bucket, before they sent the record.
void SealedStore::doom_unclaimed() {
  const Time limit = runtime_.now() - unclaimed_lasts_;
  std::map<std::string, std::vector<std::string>> old;  // by bucket
  std::erase_if(unclaimed_, [&](const auto& each) {
    const auto& [file, unclaimed] = each;
    const auto accepting = accepting_.lower_bound({unclaimed.bucket, 0});
    const bool is_accepting = accepting != accepting_.end() && accepting->first.first == unclaimed.bucket;
    const bool is_of_none = keys_.of_bucket(unclaimed.bucket) == nullptr;
    if (is_accepting || (!is_of_none && unclaimed.since > limit)) return false;
    old[unclaimed.bucket].push_back(file);
    return true;
  });
  for (const auto& [bucket, files] : old) {
    // One that was sent again has a record, if that other one never came.
    const auto listed = index_.files_in(bucket);
    const std::set<std::string> used(listed.begin(), listed.end());
    for (const std::string& file : files) {
      if (!used.contains(file)) doom({file});
      doom({partial_of(file)});
    }
  }
}

bool SealedStore::has_already(const RecordHead& head, const RecordBody& body, uint64_t stamp) const {
  const BucketIndex* in = index_.find(head.bucket);
  const IndexedObject* object = find_any(head.bucket, body.meta.key, version_of(body));
  const auto upload =
      in == nullptr ? std::map<std::string, IndexedUpload>::const_iterator() : in->uploads.find(body.upload);
  const bool has_upload = in != nullptr && upload != in->uploads.end();
  switch (head.kind) {
    case RecordKind::put: return object != nullptr && object->place.stamp == stamp;
    case RecordKind::remove: return object == nullptr;
    case RecordKind::upload: return has_upload && upload->second.place.stamp == stamp;
    case RecordKind::abort:
      return !has_upload || (body.text && std::ranges::none_of(upload->second.parts, [&](const auto& part) {
                               return ends_part(body, part.first);
                             }));
    case RecordKind::part: {
      if (!has_upload) return false;
      const auto part = upload->second.parts.find(body.part);
      return part != upload->second.parts.end() && part->second.place.stamp == stamp;
    }
    case RecordKind::setting: {
      const auto setting =
          in == nullptr ? std::map<std::string, IndexedSetting>::const_iterator() : in->settings.find(body.meta.key);
      const bool has_setting = in != nullptr && setting != in->settings.end();
      return body.text ? has_setting && setting->second.place.stamp == stamp : !has_setting;
    }
    default: return false;
  }
}

Result<ports::AcceptedCopy> SealedStore::accept(const std::string& bucket, int64_t epoch, std::string record) {
  TRY(const std::string* key, key_of(bucket));
  const auto lower = [&] { return fail(Code::conflict, "the bucket's epoch is higher here", "epoch"); };
  if (epoch < this->epoch(bucket)) return lower();
  const auto head = read_record_head(record);
  if (!head || head->bucket != bucket || record.size() != record_header_bytes + head->sealed_bytes ||
      !is_of_clients(head->kind)) {
    return fail(Code::invalid, "is no record of this bucket", "record");
  }
  TRY(const auto opened, open_record(record, *key));
  const RecordBody& body = opened.body;
  const Counted counted(accepting_, std::pair(bucket, epoch), *ended_);
  std::optional<KeyLocks::Hold> of_upload;
  std::optional<KeyLocks::Hold> of_object;
  if (!body.upload.empty()) of_upload.emplace(locks_, bucket + "/u/" + body.upload);
  if (head->kind == RecordKind::put || head->kind == RecordKind::remove) {
    of_object.emplace(locks_, bucket + "/o/" + body.meta.key);
  }
  if (head->kind == RecordKind::setting) of_object.emplace(locks_, bucket + setting_lock + body.meta.key);
  if (epoch < this->epoch(bucket)) return lower();
  ports::AcceptedCopy accepted = told(head->kind, body);
  if (has_already(*head, body, stamp_of(record))) return accepted;
  std::vector<std::string> files;
  for (const Extent& extent : body.extents) files.push_back(extent.file);
  rescue(bucket, files);
  TRY(accepted.missing, missing_of(body));
  if (!accepted.missing.empty()) return accepted;
  TRY_DO(append(*head, body, record));
  for (const std::string& file : files) unclaimed_.erase(file);
  return accepted;
}

Result<void> SealedStore::take_content(const std::string& bucket, const std::string& file, int64_t offset,
                                       std::string_view bytes, bool last) {
  if (!is_file_name(file)) return fail(Code::invalid, "is no name of a content file", "file");
  TRY_DO(key_of(bucket));
  const std::string partial = partial_of(file);
  rescue(bucket, {file, partial});
  const auto take = [&]() -> Result<void> {
    if (offset == 0) TRY_DO(medium_->remove(content_folder, partial));
    TRY(const auto open,
        offset == 0 ? medium_->create(content_folder, partial) : medium_->open(content_folder, partial, true));
    TRY(const auto size, open->size());
    if (static_cast<int64_t>(size) != offset) return fail(Code::conflict, "another piece is next", "offset");
    TRY_DO(open->write_at(bytes, size));
    if (!last) return open->flush();
    TRY_DO(open->sync());
    return medium_->rename(content_folder, partial, file);
  };
  Result<void> taken;
  runtime_.offload([&] { taken = take(); });
  unclaimed_[file] = {bucket, runtime_.now()};  // also where the bucket has gone meanwhile
  return taken;
}

Result<std::string> SealedStore::read_content(const std::string& file, int64_t offset) {
  if (!is_file_name(file)) return fail(Code::invalid, "is no name of a content file", "file");
  const auto read = [&]() -> Result<std::string> {
    TRY(const auto open, medium_->open(content_folder, file));
    TRY(const auto size, open->size());
    if (offset < 0 || static_cast<uint64_t>(offset) >= size) return fail(Code::invalid, "is behind the end", "offset");
    const auto from = static_cast<uint64_t>(offset);
    return open->read_at(from, std::min<uint64_t>(piece_bytes, size - from));
  };
  Result<std::string> bytes;
  runtime_.offload([&] { bytes = read(); });
  return bytes;
}

Result<std::string> SealedStore::read_raw(const Place& place) {
  Result<std::string> record;
  runtime_.offload([&record, at = place] { record = Journal::read(at); });
  return record;
}

std::vector<ports::CopyEntry> SealedStore::entries(const std::string& bucket, const std::string& after,
                                                   size_t limit) const {
  std::vector<ports::CopyEntry> found;
  const BucketIndex* in = index_.find(bucket);
  if (in == nullptr) return found;
  if (const auto name = part_behind(after, object_prefix)) {
    const auto last = version_named(*name);
    auto at = last ? in->objects.first_named_behind(last->first, last->second) : ObjectVersions::Found();
    while (at.key != nullptr && found.size() < limit) {
      const ports::ObjectVersion version = at.object->version;
      found.push_back({ports::object_name(*at.key, version), at.object->place.stamp});
      at = in->objects.first_named_behind(*at.key, version);
    }
  }
  if (const auto name = part_behind(after, setting_prefix)) {
    for (auto at = in->settings.upper_bound(*name); at != in->settings.end() && found.size() < limit; ++at) {
      found.push_back({std::string(setting_prefix) + at->first, at->second.place.stamp});
    }
  }
  if (const auto upload = part_behind(after, upload_prefix)) {
    for (auto at = in->uploads.upper_bound(*upload); at != in->uploads.end() && found.size() < limit; ++at) {
      // Also one of which only parts came: at a home that has not got it, that says what has to go.
      found.push_back({std::string(upload_prefix) + at->first, stamp_of_upload(at->second)});
    }
  }
  return found;
}

/// The record there, and what it refers to: read before, so that no damage becomes the only copy of somebody.
Result<ports::CopiedChange> SealedStore::change_at(const std::string& bucket, const Place& place) {
  TRY_DO(read_whole(bucket, place));
  TRY(const std::string* key, key_of(bucket));
  const std::string kept_key = *key;
  ports::CopiedChange change{bucket, {}, {}};
  TRY(change.record, read_raw(place));
  TRY(const auto opened, open_record(change.record, kept_key));
  for (const Extent& extent : opened.body.extents) change.files.push_back({extent.file, sealed_size(extent.size)});
  return change;
}

/// A change that is for another site alone.
Result<ports::CopiedChange> SealedStore::made_change(RecordKind kind, const std::string& bucket, RecordBody body) {
  TRY(const std::string* key, key_of(bucket));
  const auto now = static_cast<uint64_t>(std::max<int64_t>(1, epoch(bucket)));
  return ports::CopiedChange{bucket, encode_record(kind, now, bucket, *key, body, {}), {}};
}

Result<void> SealedStore::resend(const std::string& bucket, const std::string& name,
                                 const std::function<Result<void>(const ports::CopiedChange&)>& send) {
  if (name.starts_with(upload_prefix)) return resend_upload(bucket, name.substr(upload_prefix.size()), send);
  if (name.starts_with(setting_prefix)) return resend_setting(bucket, name.substr(setting_prefix.size()), send);
  if (!name.starts_with(object_prefix)) {
    return fail(Code::invalid, "is neither an object, nor a setting, nor an upload", "name");
  }
  const auto wanted = version_named(name.substr(object_prefix.size()));
  if (!wanted) return fail(Code::invalid, "is no name of a version", "name");
  return resend_object(bucket, wanted->first, wanted->second, send);
}

Result<void> SealedStore::resend_object(const std::string& bucket, const std::string& key,
                                        const ports::ObjectVersion& version,
                                        const std::function<Result<void>(const ports::CopiedChange&)>& send) {
  const KeyLocks::Hold hold(locks_, bucket + "/o/" + key);
  const IndexedObject* object = find_any(bucket, key, version);
  if (object != nullptr) {
    TRY(const auto change, change_at(bucket, object->place));
    return send(change);
  }
  RecordBody body;
  body.meta.key = key;
  if (version.numbered) body.meta.version = version;
  TRY(const auto gone, made_change(RecordKind::remove, bucket, std::move(body)));
  return send(gone);
}

Result<void> SealedStore::resend_setting(const std::string& bucket, const std::string& name,
                                         const std::function<Result<void>(const ports::CopiedChange&)>& send) {
  const KeyLocks::Hold hold(locks_, bucket + setting_lock + name);
  const BucketIndex* in = index_.find(bucket);
  const bool is_set = in != nullptr && in->settings.contains(name);
  if (is_set) {
    TRY(const auto change, change_at(bucket, in->settings.at(name).place));
    return send(change);
  }
  RecordBody body;
  body.meta.key = name;
  TRY(const auto gone, made_change(RecordKind::setting, bucket, std::move(body)));
  return send(gone);
}

Result<void> SealedStore::resend_upload(const std::string& bucket, const std::string& upload,
                                        const std::function<Result<void>(const ports::CopiedChange&)>& send) {
  const KeyLocks::Hold hold(locks_, bucket + "/u/" + upload);
  RecordBody body;
  body.upload = upload;
  std::vector<Place> places;
  if (const IndexedUpload* found = find_upload(bucket, upload)) {
    places.push_back(found->place);
    std::vector<std::string> numbers;
    for (const auto& [number, part] : found->parts) {
      places.push_back(part.place);
      numbers.push_back(std::to_string(number));
    }
    body.text = join_text(std::span<const std::string>(numbers), ",");
  }
  // Parts go that are none here, and nothing else: the other may be in sync, and the next home before it has the rest.
  std::vector<ports::CopiedChange> changes;
  TRY(changes.emplace_back(), made_change(RecordKind::abort, bucket, std::move(body)));
  for (const Place& place : places) {
    TRY(changes.emplace_back(), change_at(bucket, place));
  }
  for (const ports::CopiedChange& change : changes) TRY_DO(send(change));
  return {};
}

}  // namespace barrio::adapters
