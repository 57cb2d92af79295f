#pragma once
// Where a site keeps objects. What put, remove, complete_upload and the others that change something answered with
// success survives kill -9 and power loss; what they did not, may or may not be there. An object is seen whole or not
// at all. Bytes come in pieces and are read in pieces, in fibers: every call may park.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "model/ids.h"

namespace barrio::ports {

/// A checksum that the client gave or asked for, and the store has checked: what it is called and says is S3's.
struct ObjectChecksum {
  std::string algorithm;  // "CRC64NVME"
  std::string value;      // base64
  std::string type;       // FULL_OBJECT or COMPOSITE
};
BARRIO_DESCRIBE(ObjectChecksum, (), (algorithm, value, type))

/// All that is known of an object but its bytes.
struct ObjectMeta {
  std::string key = {};
  int64_t size = 0;
  std::string etag = {};    // without quotes
  std::string sha256 = {};  // of the content, hex; of parts: of their hashes, one after the other
  WallTime modified = {};
  std::map<std::string, std::string> fields = {};  // what GET answers: content-type, x-amz-meta-...
  std::map<std::string, std::string> tags = {};
  std::optional<ObjectChecksum> checksum = {};
};
BARRIO_DESCRIBE(ObjectMeta, (), (key, size, etag, sha256, modified, fields, tags, checksum))

struct ContentDigest {
  int64_t size = 0;
  std::string md5;     // raw bytes
  std::string sha256;  // raw bytes
};

/// Content on its way in. What is never put leaves nothing behind.
class ObjectWriter {
 public:
  virtual ~ObjectWriter() = default;
  /// Errors: exhausted (no space), unavailable.
  virtual Result<void> write(std::string_view piece) = 0;
  /// Nothing more comes. The content is on the disk afterwards, and not yet an object. Errors: as write.
  virtual Result<ContentDigest> finish() = 0;
};

/// One object as it was when it was opened, whatever becomes of it meanwhile.
class ObjectReader {
 public:
  virtual ~ObjectReader() = default;
  virtual const ObjectMeta& meta() const = 0;
  /// At least one byte and at most `most` from `offset` on, which is within the object. Every byte was checked. Errors:
  /// unavailable (damaged, or the disk).
  virtual Result<std::string> read(uint64_t offset, size_t most) = 0;
};

/// Of a change: it takes place only if ... Errors of it: conflict.
struct WriteCondition {
  bool if_absent = false;
  std::optional<std::string> if_etag = {};
  std::optional<WallTime> if_stored = {};  // it is the object that was stored then
};

struct ListedObject {
  std::string key;
  int64_t size = 0;
  std::string etag;
  WallTime modified;
};

struct ObjectQuery {
  std::string prefix;
  std::string after;      // only keys behind this one
  std::string delimiter;  // keys that go on after it behind the prefix are told as one common prefix
  size_t limit = 1000;    // of objects and common prefixes together
};

struct ObjectListing {
  std::vector<ListedObject> objects;
  std::vector<std::string> prefixes;
  std::optional<std::string> next;  // `after` for the rest; none: this was all
};

struct UploadPart {
  int number = 0;
  int64_t size = 0;
  std::string etag;
  std::string sha256;  // hex
  WallTime modified;
  std::optional<ObjectChecksum> checksum;
};

struct Upload {
  std::string id;
  ObjectMeta meta;  // of the object that it will be
};

struct BucketUsage {
  int64_t objects = 0;
  int64_t bytes = 0;  // of objects and parts
  int64_t uploads = 0;
};

/// What a scrub has read and found.
struct Scrubbed {
  std::string bucket;
  std::string key;
  int64_t bytes = 0;
  std::optional<Error> damage;
};

inline constexpr size_t most_setting_bytes = 64 * 1024;  // kept in memory

class ObjectStore {
 public:
  virtual ~ObjectStore() = default;
  /// `bucket` is a bucket's id everywhere. Makes it, with its key; one that is there is no error. Errors: unavailable,
  /// exhausted.
  virtual Result<void> add_bucket(const std::string& bucket, const TenantId& tenant) = 0;
  virtual bool has_bucket(const std::string& bucket) const = 0;
  /// It takes no more changes. Errors: conflict (not empty, or one is under way), not_found.
  virtual Result<void> close_bucket(const std::string& bucket) = 0;
  virtual void reopen_bucket(const std::string& bucket) = 0;
  /// Removes a closed one, and its key for good. Errors: unavailable.
  virtual Result<void> drop_bucket(const std::string& bucket) = 0;
  /// All that the tenant has here goes for good, its keys first: the tenant's own, then those of its buckets; no bucket
  /// is made for it any more. Nothing to erase is no error. Errors: conflict (something is being written: again),
  /// unavailable.
  virtual Result<void> erase_tenant(const TenantId& tenant) = 0;
  virtual BucketUsage usage(const std::string& bucket) const = 0;
  /// A text that its owner has set of the bucket (S3's CORS, lifecycle, ...), by name; durable as objects are, of at
  /// most most_setting_bytes. None: it goes. Errors: not_found (the bucket), exhausted, unavailable.
  virtual Result<void> set_setting(const std::string& bucket, const std::string& name,
                                   std::optional<std::string> text) = 0;
  /// Empty: it was not set.
  virtual std::string setting(const std::string& bucket, const std::string& name) const = 0;

  /// Errors: not_found (the bucket), unavailable.
  virtual Result<std::unique_ptr<ObjectWriter>> writer(const std::string& bucket) = 0;
  /// Replaces what is there under meta.key. The writer is finished. Errors: conflict (the condition), exhausted,
  /// unavailable.
  virtual Result<void> put(const std::string& bucket, ObjectMeta meta, std::unique_ptr<ObjectWriter> content,
                           const WriteCondition& condition = {}) = 0;
  /// Other tags of the object that has this etag, and the same content. Errors: not_found, conflict.
  virtual Result<void> set_tags(const std::string& bucket, const std::string& key,
                                std::map<std::string, std::string> tags) = 0;
  /// Errors: not_found, unavailable.
  virtual Result<std::unique_ptr<ObjectReader>> open(const std::string& bucket, const std::string& key) = 0;
  /// One that is not there is no error; what went, if something did. Errors: conflict, unavailable.
  virtual Result<std::optional<ListedObject>> remove(const std::string& bucket, const std::string& key,
                                                     const WriteCondition& condition = {}) = 0;
  /// Errors: not_found (the bucket).
  virtual Result<ObjectListing> list(const std::string& bucket, const ObjectQuery& query) const = 0;

  /// An object in parts. Returns its id. Errors: unavailable, exhausted.
  virtual Result<std::string> begin_upload(const std::string& bucket, ObjectMeta meta) = 0;
  /// Replaces a part of the same number. Errors: not_found (the upload), unavailable, exhausted.
  virtual Result<void> put_part(const std::string& bucket, const std::string& upload, UploadPart part,
                                std::unique_ptr<ObjectWriter> content) = 0;
  /// Errors: not_found.
  virtual Result<Upload> upload(const std::string& bucket, const std::string& upload) = 0;
  virtual Result<std::vector<UploadPart>> parts(const std::string& bucket, const std::string& upload) = 0;
  /// All that are open, by key and id.
  virtual std::vector<Upload> uploads(const std::string& bucket) = 0;
  /// The object of these parts, whose etags `numbers` must not have changed since; the others go. Errors: not_found,
  /// conflict, invalid (no such part), unavailable.
  virtual Result<void> complete_upload(const std::string& bucket, const std::string& upload,
                                       const std::vector<UploadPart>& parts, ObjectMeta meta,
                                       const WriteCondition& condition = {}) = 0;
  /// Errors: not_found, unavailable.
  virtual Result<void> abort_upload(const std::string& bucket, const std::string& upload) = 0;

  /// What may wait: space that is free again is given back. Called now and then. Errors: unavailable, exhausted.
  virtual Result<void> tidy() = 0;
  /// Reads the first object behind (bucket, key) and checks it; none: there is no other. Errors: unavailable.
  virtual Result<std::optional<Scrubbed>> scrub_after(const std::string& bucket, const std::string& key) = 0;
};

}  // namespace barrio::ports
namespace barrio {
BARRIO_JSON_APART(ports::ObjectMeta)
}
