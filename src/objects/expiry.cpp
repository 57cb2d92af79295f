// What the lifecycle rules of buckets end, at their home: objects, older versions, delete markers, uploads.

#include <algorithm>

#include "api/s3/object_lock.h"
#include "objects/s3_service.h"

namespace barrio::objects {

void S3Service::expire_once() {
  const std::vector<Bucket> buckets = directory_.orders().buckets;  // the orders may change meanwhile
  for (const Bucket& bucket : buckets) {
    if (bucket.home != config_.site || parts_.runtime.stopping()) continue;
    const std::string text = parts_.store.setting(bucket.id, "lifecycle");
    if (text.empty() || (copies_.is_copied(bucket) && !copies_.may_write(bucket))) continue;
    if (const auto rules = api::s3::parse_lifecycle(text)) expire_in(bucket, *rules);
  }
}

void S3Service::expire_in(const Bucket& bucket, const std::vector<api::s3::LifecycleRule>& rules) {
  const WallTime now = parts_.runtime.wall();
  ports::ObjectQuery query;
  for (bool more = true; more && !parts_.runtime.stopping();) {
    const auto listing = parts_.store.list(bucket.id, query);
    if (!listing) return;
    for (const ports::ListedObject& object : listing->objects) {
      if (parts_.runtime.stopping()) return;
      const bool is_over = ends(bucket, object, rules, [&](const api::s3::LifecycleRule& rule) {
        return api::s3::expires(rule, object.key, static_cast<uint64_t>(object.size), object.modified, now);
      });
      // Where the leaf cannot be written it is tried again the next time; one that was stored anew stays.
      if (is_over) static_cast<void>(remove_one(bucket, object.key, {.if_stored = object.modified}));
    }
    more = listing->next.has_value();
    query.after = listing->next.value_or("");
  }
  if (!parts_.store.setting(bucket.id, ports::versioning_setting).empty()) expire_versions(bucket, rules);
  for (const ports::Upload& upload : parts_.store.uploads(bucket.id)) {
    const bool over = std::ranges::any_of(
        rules, [&](const auto& rule) { return api::s3::aborts(rule, upload.meta.key, upload.meta.modified, now); });
    if (over) static_cast<void>(parts_.store.abort_upload(bucket.id, upload.id));
  }
}

void S3Service::expire_versions(const Bucket& bucket, const std::vector<api::s3::LifecycleRule>& rules) {
  ports::VersionQuery query;
  std::vector<ports::ListedVersion> of_key;  // the one that is being read, without those that it is too late for
  for (bool more = true; more && !parts_.runtime.stopping();) {
    const auto listing = parts_.store.list_versions(bucket.id, query);
    if (!listing) return;
    for (const ports::ListedVersion& version : listing->versions) {
      if (!of_key.empty() && of_key.back().object.key != version.object.key) {
        expire_key(bucket, of_key, rules);
        of_key.clear();
      }
      // A page whose last version went meanwhile may begin again with the key's newest.
      const bool is_next = of_key.empty() || version.object.version.order < of_key.back().object.version.order;
      if (is_next) of_key.push_back(version);
    }
    more = listing->next.has_value();
    if (more) query.after = listing->next->after;
    if (more) query.after_version = listing->next->after_version;
  }
  expire_key(bucket, of_key, rules);
}

/// `versions`: all of one key, from newest to oldest.
void S3Service::expire_key(const Bucket& bucket, const std::vector<ports::ListedVersion>& versions,
                           const std::vector<api::s3::LifecycleRule>& rules) {
  const WallTime now = parts_.runtime.wall();
  for (size_t i = 0; i < versions.size() && !parts_.runtime.stopping(); ++i) {
    const ports::ListedObject& object = versions[i].object;
    const bool is_lone_marker = i == 0 && versions.size() == 1 && object.version.marker;
    if (i == 0 && !is_lone_marker) continue;
    const bool is_over = ends(bucket, object, rules, [&](const api::s3::LifecycleRule& rule) {
      return is_lone_marker ? api::s3::expires_marker(rule, object.key, object.modified, now)
                            : api::s3::expires_noncurrent(rule, object.key, static_cast<uint64_t>(object.size),
                                                          versions[i - 1].object.modified, i - 1, now);
    });
    if (is_over) static_cast<void>(expire_version(bucket, object, is_lone_marker));
  }
}

/// Unless it became another thing meanwhile, or is locked.
S3Service::Outcome<ports::Removed> S3Service::expire_version(const Bucket& bucket, const ports::ListedObject& object,
                                                             bool is_newest) {
  return note_removed(
      bucket, object.key,
      parts_.store.remove_version(
          bucket.id, object.key, object.version.id(), [&](const ports::ObjectMeta& meta) -> Result<void> {
            const auto newest = parts_.store.find_version(bucket.id, object.key, "");
            const bool is_same =
                meta.modified == object.modified && newest && is_newest == (newest->object.version == object.version);
            return is_same ? api::s3::check_deletion(meta, lock_time(), false) : fail(Code::conflict, "it changed");
          }));
}

/// Whether one of the rules that `applies` names ends the object, whose tags are read when such a rule asks for some.
bool S3Service::ends(const Bucket& bucket, const ports::ListedObject& object,
                     const std::vector<api::s3::LifecycleRule>& rules,
                     const std::function<bool(const api::s3::LifecycleRule&)>& applies) {
  std::optional<std::map<std::string, std::string>> tags;
  for (const api::s3::LifecycleRule& rule : rules) {
    if (!applies(rule)) continue;
    if (!rule.tags.empty() && !tags) {
      const auto opened = parts_.store.open(bucket.id, object.key, object.version.id());
      if (!opened) return false;
      tags = (*opened)->meta().tags;
    }
    const bool has_all = std::ranges::all_of(rule.tags, [&](const auto& tag) {
      const auto found = tags->find(tag.first);
      return found != tags->end() && found->second == tag.second;
    });
    if (has_all) return true;
  }
  return false;
}

}  // namespace barrio::objects
