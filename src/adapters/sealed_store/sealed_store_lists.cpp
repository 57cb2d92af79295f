// What a SealedStore has, in order: objects and versions.

#include <algorithm>

#include "adapters/sealed_store/sealed_store.h"

namespace barrio::adapters {

using namespace sealed_store;

namespace {

/// The first text that is greater than all that begin with `prefix`; empty: there is none.
std::string behind_all(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff) prefix.pop_back();
  if (!prefix.empty()) prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

ports::ListedObject entry_of(const std::string& key, const IndexedObject& object) {
  return {key, object.size, object.etag, object.modified, object.version};
}

/// Up to the delimiter behind the prefix, with it; empty: there is none.
std::string common_part(const std::string& key, const std::string& prefix, const std::string& delimiter) {
  const size_t cut = delimiter.empty() ? std::string::npos : key.find(delimiter, prefix.size());
  return cut == std::string::npos ? "" : key.substr(0, cut + delimiter.size());
}

/// The first version that the query means.
ObjectVersions::Found first_of(const ObjectVersions& objects, const ports::VersionQuery& query) {
  if (query.after < query.prefix) return objects.first_behind(query.prefix, ObjectVersions::before_all);
  if (!query.after_version) return objects.first_behind(query.after, ObjectVersions::behind_all_of);
  if (query.after_version->numbered) return objects.first_behind(query.after, query.after_version->order);
  // It may have been removed since it was told: whoever removes page by page has removed what was before it, too.
  const IndexedObject* unnumbered = objects.find(query.after, {});
  return objects.first_behind(query.after,
                              unnumbered == nullptr ? ObjectVersions::before_all : unnumbered->version.order);
}

}  // namespace

Result<ports::ObjectListing> SealedStore::list(const std::string& bucket, const ports::ObjectQuery& query) const {
  TRY_DO(key_of(bucket));
  ports::ObjectListing listing;
  const BucketIndex* in = index_.find(bucket);
  if (in == nullptr || query.limit == 0) return listing;
  const auto& objects = in->objects.current();
  auto at = query.after < query.prefix ? objects.lower_bound(query.prefix) : objects.upper_bound(query.after);
  std::string last;
  while (at != objects.end() && at->first.starts_with(query.prefix)) {
    const std::string& key = at->first;
    const std::string common = common_part(key, query.prefix, query.delimiter);
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
      listing.objects.push_back(entry_of(key, at->second));
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

Result<ports::VersionListing> SealedStore::list_versions(const std::string& bucket,
                                                         const ports::VersionQuery& query) const {
  TRY_DO(key_of(bucket));
  ports::VersionListing listing;
  const BucketIndex* in = index_.find(bucket);
  if (in == nullptr || query.limit == 0) return listing;
  const ObjectVersions& objects = in->objects;
  ports::VersionListing::Next last;
  ObjectVersions::Found at = first_of(objects, query);
  while (at.key != nullptr && at.key->starts_with(query.prefix)) {
    const std::string common = common_part(*at.key, query.prefix, query.delimiter);
    const auto behind_common = [&] {
      const std::string behind = behind_all(common);
      return behind.empty() ? ObjectVersions::Found() : objects.first_behind(behind, ObjectVersions::before_all);
    };
    // A page may end with a common prefix; what is behind it was told with it.
    if (!common.empty() && query.after.starts_with(common)) {
      at = behind_common();
      continue;
    }
    if (listing.versions.size() + listing.prefixes.size() == query.limit) {
      listing.next = last;
      return listing;
    }
    if (common.empty()) {
      listing.versions.push_back({entry_of(*at.key, *at.object), objects.newest(*at.key) == at.object});
      last = {*at.key, at.object->version};
      at = objects.first_behind(*at.key, at.object->version.order);
    } else {
      listing.prefixes.push_back(common);
      last = {common};
      at = behind_common();
    }
  }
  return listing;
}

std::optional<ports::ListedVersion> SealedStore::find_version(const std::string& bucket, const std::string& key,
                                                              const std::string& version) const {
  const BucketIndex* in = index_.find(bucket);
  const auto wanted = ports::ObjectVersion::of_id(version);
  if (in == nullptr || (!version.empty() && !wanted)) return std::nullopt;
  const IndexedObject* newest = in->objects.newest(key);
  const IndexedObject* found = version.empty() ? newest : in->objects.find(key, *wanted);
  if (found == nullptr) return std::nullopt;
  return ports::ListedVersion{entry_of(key, *found), found == newest};
}

}  // namespace barrio::adapters
