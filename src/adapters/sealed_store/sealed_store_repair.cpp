// Damage of a SealedStore: all that still says something is read, record by record, and what is damaged is replaced
// with what another site has.

#include <algorithm>

#include "adapters/sealed_store/copy_names.h"
#include "adapters/sealed_store/counted.h"
#include "adapters/sealed_store/sealed_store.h"

namespace barrio::adapters {

using namespace sealed_store;

namespace {

constexpr size_t scrub_piece = 1024 * 1024;

/// Whoever changes what has this name holds it.
std::string lock_of(const std::string& bucket, const std::string& name) {
  return bucket + "/" + name.substr(0, name.find('\0'));
}

std::string name_of_part(const std::string& upload, int part) {
  return std::string(upload_prefix) + upload + '\0' + std::to_string(part);
}

}  // namespace

std::optional<SealedStore::Named> SealedStore::find_named(const std::string& bucket, const std::string& name) const {
  const BucketIndex* in = index_.find(bucket);
  if (in == nullptr || name.size() < object_prefix.size()) return std::nullopt;
  const std::string rest = name.substr(object_prefix.size());
  if (name.starts_with(object_prefix)) {
    const auto version = version_named(rest);
    const IndexedObject* object = version ? in->objects.find(version->first, version->second) : nullptr;
    if (object == nullptr) return std::nullopt;
    return Named{name, RecordKind::put, object->place, object->files};
  }
  if (name.starts_with(setting_prefix)) {
    const auto setting = in->settings.find(rest);
    if (setting == in->settings.end()) return std::nullopt;
    return Named{name, RecordKind::setting, setting->second.place, {}};
  }
  if (!name.starts_with(upload_prefix)) return std::nullopt;
  const auto [id, number] = part_named(rest);
  const auto upload = in->uploads.find(id);
  if (upload == in->uploads.end()) return std::nullopt;
  if (number == 0) {
    if (!upload->second.place.file) return std::nullopt;
    return Named{name, RecordKind::upload, upload->second.place, {}};
  }
  const auto part = upload->second.parts.find(number);
  if (part == upload->second.parts.end()) return std::nullopt;
  return Named{name, RecordKind::part, part->second.place, part->second.files};
}

std::optional<SealedStore::Named> SealedStore::named_behind(const BucketIndex& in, const std::string& after) {
  if (const auto rest = part_behind(after, object_prefix)) {
    const auto last = version_named(*rest);
    const auto at = last ? in.objects.first_named_behind(last->first, last->second) : ObjectVersions::Found();
    if (at.key != nullptr) {
      return Named{ports::object_name(*at.key, at.object->version), RecordKind::put, at.object->place,
                   at.object->files};
    }
  }
  if (const auto rest = part_behind(after, setting_prefix)) {
    const auto at = in.settings.upper_bound(*rest);
    if (at != in.settings.end()) {
      return Named{std::string(setting_prefix) + at->first, RecordKind::setting, at->second.place, {}};
    }
  }
  return part_behind_name(in, after);
}

/// Of uploads: each, and its parts behind it.
std::optional<SealedStore::Named> SealedStore::part_behind_name(const BucketIndex& in, const std::string& after) {
  const auto rest = part_behind(after, upload_prefix);
  if (!rest) return std::nullopt;
  const auto [id, number] = part_named(*rest);
  auto upload = in.uploads.lower_bound(id);
  bool is_first = upload != in.uploads.end() && upload->first == id;
  for (; upload != in.uploads.end(); ++upload, is_first = false) {
    if (!is_first && upload->second.place.file) {
      return Named{std::string(upload_prefix) + upload->first, RecordKind::upload, upload->second.place, {}};
    }
    const auto part = upload->second.parts.upper_bound(is_first ? number : 0);
    if (part != upload->second.parts.end()) {
      return Named{name_of_part(upload->first, part->first), RecordKind::part, part->second.place, part->second.files};
    }
  }
  return std::nullopt;
}

Result<int64_t> SealedStore::read_whole(const std::string& bucket, const Place& place) {
  TRY(const std::string* key, key_of(bucket));
  const std::string kept_key = *key;
  std::vector<ports::SharedFile> files;
  Result<void> opened;
  TRY(auto record, read_record(bucket, place, [&](const OpenedRecord& read) {
        for (const Extent& extent : read.body.extents) {
          auto file = medium_->open(ports::Folder::content, extent.file);
          if (file) files.push_back(std::move(*file));
          if (!file && opened) opened = fail(Code::unavailable, "its content cannot be opened: " + file.error().text());
        }
      }));
  TRY_DO(opened);
  if (record.body.extents.empty()) return static_cast<int64_t>(record.content.size());
  const int64_t size = record.body.meta.size;
  ContentReader reader(runtime_, kept_key, std::move(record), std::move(files));
  for (int64_t at = 0; at < size;) {
    TRY(const auto piece, reader.read(static_cast<uint64_t>(at), scrub_piece));
    at += static_cast<int64_t>(piece.size());
  }
  return size;
}

Result<std::optional<ports::Scrubbed>> SealedStore::scrub_after(const ports::Scrubbed& last) {
  std::optional<ports::Scrubbed> next;
  std::optional<Named> named;
  for (auto in = index_.buckets().lower_bound(last.bucket); in != index_.buckets().end() && !named; ++in) {
    named = named_behind(in->second, in->first == last.bucket ? last.name : "");
    if (named) next = ports::Scrubbed{in->first, named->name};
  }
  if (!named) return next;
  const auto read = read_whole(next->bucket, named->place);
  if (read) {
    next->bytes = *read;
    return next;
  }
  // What was replaced, or went with its bucket, meanwhile is not damaged.
  const auto now = find_named(next->bucket, next->name);
  if (read.error().code == Code::not_found || !now || now->place.stamp != named->place.stamp) return next;
  // A medium that does not answer is no damage.
  Result<void> answers;
  runtime_.offload([&] { answers = medium_->check_taken(); });
  TRY_DO(std::move(answers));
  next->damage = read.error();
  return next;
}

Result<std::string> SealedStore::give_content(const std::string& bucket, const std::string& name,
                                              const std::string& file, int64_t offset) {
  const auto named = find_named(bucket, name);
  if (!named || std::ranges::find(named->files, file) == named->files.end()) {
    return fail(Code::not_found, "nothing of this name has such content", "file");
  }
  return read_content(file, offset);
}

Result<std::string> SealedStore::give_record(const std::string& bucket, const std::string& name) {
  TRY_DO(key_of(bucket));
  const auto named = find_named(bucket, name);
  if (!named) return fail(Code::not_found, "there is nothing of this name", "name");
  return read_raw(named->place);
}

/// Checked, chunk by chunk, before it takes the place of what is damaged. Of what does not come nothing stays.
Result<void> SealedStore::fetch_content(const std::string& bucket, const Extent& extent, ports::CopySource& source) {
  if (!is_file_name(extent.file)) return fail(Code::invalid, "refers to a file of another kind", "record");
  const std::string partial = extent.file + ".repair";
  auto done = fetch_to(partial, bucket, extent, source);
  runtime_.offload([&] {
    if (done) done = medium_->rename(ports::Folder::content, partial, extent.file);
    if (!done) static_cast<void>(medium_->remove(ports::Folder::content, partial));
  });
  return done;
}

Result<void> SealedStore::fetch_to(const std::string& partial, const std::string& bucket, const Extent& extent,
                                   ports::CopySource& source) {
  ports::SharedFile file;
  Result<void> done;
  runtime_.offload([&] {
    done = medium_->remove(ports::Folder::content, partial);
    auto created =
        done ? medium_->create(ports::Folder::content, partial) : Result<ports::SharedFile>(fail(done.error()));
    if (created) file = std::move(*created);
    if (!created) done = fail(created.error());
  });
  TRY_DO(done);
  for (int64_t at = 0; at < sealed_size(extent.size);) {
    TRY(const auto piece, source.content(extent.file, at));
    if (piece.empty()) return fail(Code::unavailable, "the other copy is shorter", "repair");
    runtime_.offload([&] { done = file->write_at(piece, static_cast<uint64_t>(at)); });
    TRY_DO(done);
    at += static_cast<int64_t>(piece.size());
  }
  runtime_.offload([&] { done = file->flush(); });
  TRY_DO(done);
  TRY(const std::string* key, key_of(bucket));
  OpenedRecord whole;
  whole.body.meta.size = extent.size;
  whole.body.extents = {extent};
  ContentReader reader(runtime_, *key, std::move(whole), {file});
  for (int64_t at = 0; at < extent.size;) {
    TRY(const auto piece, reader.read(static_cast<uint64_t>(at), piece_bytes));
    at += static_cast<int64_t>(piece.size());
  }
  runtime_.offload([&] { done = file->sync(); });
  return done;
}

Result<void> SealedStore::repair(const std::string& bucket, const std::string& name, ports::CopySource& source) {
  // Neither the bucket nor its key goes meanwhile: what is fetched would stay for ever.
  const Counted counted(changing_, bucket, *ended_);
  if (name.size() < object_prefix.size()) return fail(Code::invalid, "is no name", "name");
  const KeyLocks::Hold hold(locks_, lock_of(bucket, name));
  TRY(const std::string* bucket_key, key_of(bucket));
  const std::string kept_key = *bucket_key;
  const auto named = find_named(bucket, name);
  if (!named) return fail(Code::not_found, "there is nothing of this name", "name");
  TRY(auto record, source.record());
  const auto head = read_record_head(record);
  if (!head || head->bucket != bucket || head->kind != named->kind || stamp_of(record) != named->place.stamp) {
    return fail(Code::conflict, "the other site has another record", "repair");
  }
  TRY(const auto opened, open_record(record, kept_key));
  for (const Extent& extent : opened.body.extents) TRY_DO(fetch_content(bucket, extent, source));
  return append(*head, opened.body, record);
}

}  // namespace barrio::adapters
