#include "adapters/sealed_store/index.h"

#include <algorithm>

#include "base/text.h"

namespace barrio::adapters::sealed_store {

namespace {

std::vector<std::string> files_of(const RecordBody& body) {
  std::vector<std::string> files;
  for (const Extent& extent : body.extents) files.push_back(extent.file);
  return files;
}

ports::ObjectVersion version_in(const RecordBody& body) {
  return body.meta.version.value_or(ports::ObjectVersion());
}

template <class Act>
void for_each_object(const BucketIndex& bucket, const Act& act) {
  ObjectVersions::Found at = bucket.objects.first_behind("", ObjectVersions::behind_all_of);
  while (at.key != nullptr) {
    act(*at.object);
    at = bucket.objects.first_behind(*at.key, at.object->version.order);
  }
}

}  // namespace

const BucketIndex* Index::find(const std::string& bucket) const {
  const auto found = buckets_.find(bucket);
  return found == buckets_.end() ? nullptr : &found->second;
}

std::vector<std::string> Index::files_in(const std::string& bucket) const {
  std::vector<std::string> files;
  const BucketIndex* in = find(bucket);
  if (in == nullptr) return files;
  for_each_object(
      *in, [&](const IndexedObject& object) { files.insert(files.end(), object.files.begin(), object.files.end()); });
  for (const auto& [id, upload] : in->uploads) {
    for (const auto& [number, part] : upload.parts) files.insert(files.end(), part.files.begin(), part.files.end());
  }
  return files;
}

void Index::forget(const std::string& bucket) {
  const auto found = buckets_.find(bucket);
  if (found == buckets_.end()) return;
  release(found->second.fence);
  for_each_object(found->second, [&](const IndexedObject& object) { release(object.place); });
  for (const auto& [id, upload] : found->second.uploads) {
    release(upload.place);
    for (const auto& [number, part] : upload.parts) release(part.place);
  }
  for (const auto& [name, setting] : found->second.settings) release(setting.place);
  buckets_.erase(found);
}

void Index::release_object(BucketIndex& bucket, const IndexedObject& object, std::vector<std::string>& freed) {
  freed.insert(freed.end(), object.files.begin(), object.files.end());
  bucket.bytes -= object.size;
  release(object.place);
}

void Index::drop_upload(BucketIndex& bucket, const std::string& upload, const std::vector<std::string>& kept,
                        std::vector<std::string>& freed) {
  const auto found = bucket.uploads.find(upload);
  if (found == bucket.uploads.end()) return;
  for (const auto& [number, part] : found->second.parts) {
    bucket.bytes -= part.size;
    release(part.place);
    for (const std::string& file : part.files) {
      if (std::ranges::find(kept, file) == kept.end()) freed.push_back(file);
    }
  }
  release(found->second.place);
  bucket.uploads.erase(found);
}

bool ends_part(const RecordBody& abort, int part) {
  if (!abort.text) return true;
  const auto kept = split(*abort.text, ',');
  return std::ranges::find(kept, std::to_string(part)) == kept.end();
}

void Index::keep_parts(BucketIndex& bucket, const RecordBody& abort, std::vector<std::string>& freed) {
  const auto found = bucket.uploads.find(abort.upload);
  if (found == bucket.uploads.end()) return;
  std::erase_if(found->second.parts, [&](const auto& each) {
    const auto& [number, part] = each;
    if (!ends_part(abort, number)) return false;
    freed.insert(freed.end(), part.files.begin(), part.files.end());
    bucket.bytes -= part.size;
    release(part.place);
    return true;
  });
}

void Index::take_put(const Place& place, BucketIndex& bucket, const RecordBody& body, std::vector<std::string>& freed) {
  IndexedObject object{place, body.meta.size, body.meta.modified, body.meta.etag, files_of(body), version_in(body)};
  const std::vector<std::string> used = object.files;
  if (!body.upload.empty()) drop_upload(bucket, body.upload, used, freed);
  bucket.bytes += object.size;
  live_bytes_ += place.length;
  const auto replaced = bucket.objects.put(body.meta.key, std::move(object));
  if (replaced) release_object(bucket, *replaced, freed);
  // The same content under another description (other tags) is still in use.
  std::erase_if(freed, [&](const std::string& file) { return std::ranges::find(used, file) != used.end(); });
}

void Index::take_part(const Place& place, BucketIndex& bucket, const RecordBody& body,
                      std::vector<std::string>& freed) {
  // After compaction a part may stand before its upload, which then comes, or after which that has ended.
  auto& parts = bucket.uploads[body.upload].parts;
  const std::vector<std::string> used = files_of(body);
  const auto old = parts.find(body.part);
  if (old != parts.end()) {
    // Not those of the same record, which was written again.
    std::ranges::copy_if(old->second.files, std::back_inserter(freed),
                         [&](const std::string& file) { return std::ranges::find(used, file) == used.end(); });
    bucket.bytes -= old->second.size;
    release(old->second.place);
  }
  bucket.bytes += body.meta.size;
  live_bytes_ += place.length;
  parts[body.part] = {place, body.meta.size, body.meta.etag, used};
}

void Index::take_setting(const Place& place, BucketIndex& bucket, const RecordBody& body) {
  const auto old = bucket.settings.find(body.meta.key);
  if (old != bucket.settings.end()) {
    release(old->second.place);
    bucket.settings.erase(old);
  }
  if (!body.text) return;
  live_bytes_ += place.length;
  bucket.settings.emplace(body.meta.key, IndexedSetting{place, *body.text});
}

std::vector<std::string> Index::apply(const Place& place, const RecordHead& head, const RecordBody& body) {
  std::vector<std::string> freed;
  if (head.kind == RecordKind::clear) {
    freed = files_in(head.bucket);
    forget(head.bucket);
    return freed;
  }
  BucketIndex& into = buckets_[head.bucket];
  switch (head.kind) {
    case RecordKind::put: take_put(place, into, body, freed); break;
    case RecordKind::remove: {
      const auto removed = into.objects.remove(body.meta.key, version_in(body));
      if (removed) release_object(into, *removed, freed);
      break;
    }
    case RecordKind::upload:
      release(into.uploads[body.upload].place);
      live_bytes_ += place.length;
      into.uploads[body.upload].place = place;
      into.uploads[body.upload].key = body.meta.key;
      break;
    case RecordKind::part: take_part(place, into, body, freed); break;
    case RecordKind::abort:
      if (body.text)
        keep_parts(into, body, freed);
      else
        drop_upload(into, body.upload, {}, freed);
      break;
    case RecordKind::setting: take_setting(place, into, body); break;
    case RecordKind::fence:
      release(into.fence);
      live_bytes_ += place.length;
      into.fence = place;
      into.epoch = std::max(into.epoch, head.epoch);
      break;
    case RecordKind::clear: break;
  }
  return freed;
}

bool Index::is_live(const Place& place, RecordKind kind, const std::string& bucket, const RecordBody& body) const {
  const BucketIndex* in = find(bucket);
  if (in == nullptr) return false;
  if (kind == RecordKind::fence) return in->fence == place;
  if (kind == RecordKind::put) {
    const IndexedObject* found = in->objects.find(body.meta.key, version_in(body));
    return found != nullptr && found->place == place;
  }
  if (kind == RecordKind::setting) {
    const auto found = in->settings.find(body.meta.key);
    return found != in->settings.end() && found->second.place == place;
  }
  const auto upload = in->uploads.find(body.upload);
  if (upload == in->uploads.end()) return false;
  if (kind == RecordKind::upload) return upload->second.place == place;
  const auto part = upload->second.parts.find(body.part);
  return kind == RecordKind::part && part != upload->second.parts.end() && part->second.place == place;
}

void Index::moved(const Place& to, RecordKind kind, const std::string& bucket, const RecordBody& body) {
  BucketIndex& in = buckets_[bucket];
  if (kind == RecordKind::fence) in.fence = to;
  if (kind == RecordKind::put) in.objects.set_place(body.meta.key, version_in(body), to);
  if (kind == RecordKind::setting) in.settings.at(body.meta.key).place = to;
  if (kind == RecordKind::upload) in.uploads.at(body.upload).place = to;
  if (kind == RecordKind::part) in.uploads.at(body.upload).parts.at(body.part).place = to;
}

}  // namespace barrio::adapters::sealed_store
