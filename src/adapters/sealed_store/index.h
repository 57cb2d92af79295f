#pragma once
// What the journal's records add up to, in memory: where each object and each open upload is. Pure: the same records in
// the same order always make the same index. About 270 bytes an object, and its key.

#include <map>
#include <optional>
#include <vector>

#include "adapters/sealed_store/versions.h"

namespace barrio::adapters::sealed_store {

struct IndexedPart {
  Place place;
  int64_t size = 0;
  std::string etag;
  std::vector<std::string> files;
};

struct IndexedUpload {
  Place place;  // without a file: only parts of it were seen
  std::string key;
  std::map<int, IndexedPart> parts;
};

struct IndexedSetting {
  Place place;
  std::string text;
};

struct BucketIndex {
  ObjectVersions objects;
  std::map<std::string, IndexedUpload> uploads;  // by id
  std::map<std::string, IndexedSetting> settings;
  int64_t bytes = 0;
  Place fence;  // without a file: none
  uint64_t epoch = 0;
};

/// Whether what an abort says ends this part.
bool ends_part(const RecordBody& abort, int part);

class Index {
 public:
  /// Files that nothing refers to any more.
  std::vector<std::string> apply(const Place& place, const RecordHead& head, const RecordBody& body);
  /// Whether the record at `place` still says something.
  bool is_live(const Place& place, RecordKind kind, const std::string& bucket, const RecordBody& body) const;
  /// The same record stands elsewhere now.
  void moved(const Place& to, RecordKind kind, const std::string& bucket, const RecordBody& body);

  /// All files of a bucket.
  std::vector<std::string> files_in(const std::string& bucket) const;
  /// Null: nothing was ever in it.
  const BucketIndex* find(const std::string& bucket) const;
  void forget(const std::string& bucket);
  const std::map<std::string, BucketIndex>& buckets() const { return buckets_; }
  /// Of records that still say something.
  int64_t live_bytes() const { return live_bytes_; }

 private:
  void release(const Place& place) { live_bytes_ -= place.length; }
  void release_object(BucketIndex& bucket, const IndexedObject& object, std::vector<std::string>& freed);
  void drop_upload(BucketIndex& bucket, const std::string& upload, const std::vector<std::string>& kept,
                   std::vector<std::string>& freed);
  void keep_parts(BucketIndex& bucket, const RecordBody& abort, std::vector<std::string>& freed);
  void take_put(const Place& place, BucketIndex& bucket, const RecordBody& body, std::vector<std::string>& freed);
  void take_setting(const Place& place, BucketIndex& bucket, const RecordBody& body);
  void take_part(const Place& place, BucketIndex& bucket, const RecordBody& body, std::vector<std::string>& freed);

  std::map<std::string, BucketIndex> buckets_;
  int64_t live_bytes_ = 0;
};

}  // namespace barrio::adapters::sealed_store
