#pragma once
// Where a site keeps objects. What put, remove, complete_upload and the others that change something answered with
// success survives kill -9 and power loss; what they did not, may or may not be there. An object is seen whole or not
// at all. Bytes come in pieces and are read in pieces, in fibers: every call may park.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/shared_pages.h"
#include "model/ids.h"

namespace barrio::ports {

/// A checksum that the client gave or asked for, and the store has checked: what it is called and says is S3's.
struct ObjectChecksum {
  std::string algorithm;  // "CRC64NVME"
  std::string value;      // base64
  std::string type;       // FULL_OBJECT or COMPOSITE
};
BARRIO_DESCRIBE(ObjectChecksum, (), (algorithm, value, type))

/// Which of a key's versions it is. By default the null version of a bucket that never kept versions.
struct ObjectVersion {
  int64_t order = 0;      // the greatest one of a key is its newest
  bool numbered = false;  // has an id of its own; else it is the one that has the id "null"
  bool marker = false;    // says that the key was deleted, and has no content
  /// Of 16 hex digits, smaller for a newer one; or "null".
  std::string id() const;
  /// Without marker; none: no version has this id.
  static std::optional<ObjectVersion> of_id(std::string_view id);
  bool operator==(const ObjectVersion&) const = default;
};
BARRIO_DESCRIBE(ObjectVersion, (), (order, numbered, marker))

/// How long a version must stay. governance: who may end it early may do so; compliance: nobody may.
enum class RetentionMode { governance, compliance };
BARRIO_DESCRIBE_ENUM(RetentionMode, governance, compliance)
struct Retention {
  RetentionMode mode = RetentionMode::governance;
  WallTime until = {};
  bool operator==(const Retention&) const = default;
};
BARRIO_DESCRIBE(Retention, (), (mode, until))

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
  std::optional<ObjectVersion> version = {};  // none: the default one. The store sets it
  std::optional<Retention> retention = {};
  std::optional<bool> held = {};  // it must stay until somebody says otherwise
};
BARRIO_DESCRIBE(ObjectMeta, (), (key, size, etag, sha256, modified, fields, tags, checksum, version, retention, held))

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

/// Bytes that were read, which others may have, too.
class ReadBytes {
 public:
  explicit ReadBytes(std::string text) : ReadBytes(std::make_shared<const std::string>(std::move(text))) {}
  ReadBytes(std::shared_ptr<const SharedPages::Block> block, size_t from, size_t size)
      : view_(block->bytes().substr(from, size)), place_(block->place()), owner_(std::move(block)) {
    if (place_) place_->offset += from;
  }
  std::string_view view() const { return view_; }
  size_t size() const { return view_.size(); }
  /// Where the kernel can read them, too, as long as this lives; none: nowhere.
  const std::optional<FilePlace>& place() const { return place_; }

 private:
  explicit ReadBytes(std::shared_ptr<const std::string> text) : view_(*text), owner_(std::move(text)) {}
  std::string_view view_;
  std::optional<FilePlace> place_;
  std::shared_ptr<const void> owner_;
};

/// One object as it was when it was opened, whatever becomes of it meanwhile.
class ObjectReader {
 public:
  virtual ~ObjectReader() = default;
  virtual const ObjectMeta& meta() const = 0;
  /// At least one byte and at most `most` from `offset` on, which is within the object. Every byte was checked. Errors:
  /// unavailable (damaged, or the disk).
  virtual Result<ReadBytes> read(uint64_t offset, size_t most) = 0;
};

/// The setting of a bucket that says which versions put and remove keep.
inline constexpr const char* versioning_setting = "versioning";
inline constexpr std::string_view versioning_enabled = "Enabled";      // each change makes a version with an id
inline constexpr std::string_view versioning_suspended = "Suspended";  // changes make the null version; others stay

/// The setting of a bucket whose versions may be locked: put and remove keep them, whatever versioning_setting says.
inline constexpr const char* object_lock_setting = "object-lock";

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
  ObjectVersion version = {};
};

struct ListedVersion {
  ListedObject object;
  bool newest = false;  // of its key
};

/// What remove did. By default: there was nothing to do.
struct Removed {
  std::optional<ListedObject> gone = {};     // for good
  std::optional<ObjectVersion> marker = {};  // was made
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

struct VersionQuery {
  std::string prefix = {};
  std::string after = {};                           // only keys behind this one ...
  std::optional<ObjectVersion> after_version = {};  // ... or, if it is given, this key's older versions, too
  std::string delimiter = {};
  size_t limit = 1000;
};

/// By key, and within a key from newest to oldest.
struct VersionListing {
  struct Next {
    std::string after;
    std::optional<ObjectVersion> after_version = {};
  };
  std::vector<ListedVersion> versions;
  std::vector<std::string> prefixes;
  std::optional<Next> next;  // for the rest; none: this was all
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
  int64_t objects = 0;  // all versions of them, delete markers included
  int64_t bytes = 0;    // of all versions and of parts
  int64_t uploads = 0;
};

/// What a scrub has read and found. `name`: of a version, a setting, an open upload or a part of one, as
/// object_copies.h has it.
struct Scrubbed {
  std::string bucket = {};
  std::string name = {};
  int64_t bytes = 0;
  std::optional<Error> damage = {};
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
  /// Called with a bucket's id whenever its usage may be another than before; never parks, and changes nothing here.
  virtual void watch_usage(std::function<void(const std::string& bucket)> changed) = 0;
  /// A text that its owner has set of the bucket (S3's CORS, lifecycle, ...), by name; durable as objects are, of at
  /// most most_setting_bytes. None: it goes. Errors: not_found (the bucket), exhausted, unavailable.
  virtual Result<void> set_setting(const std::string& bucket, const std::string& name,
                                   std::optional<std::string> text) = 0;
  /// Empty: it was not set.
  virtual std::string setting(const std::string& bucket, const std::string& name) const = 0;

  /// Errors: not_found (the bucket), unavailable.
  virtual Result<std::unique_ptr<ObjectWriter>> writer(const std::string& bucket) = 0;
  /// What is there under meta.key is replaced, or becomes an older version (versioning_setting). Returns the version
  /// that it is; none: the bucket never kept versions. The writer is finished. Errors: conflict (the condition),
  /// exhausted, unavailable.
  virtual Result<std::optional<ObjectVersion>> put(const std::string& bucket, ObjectMeta meta,
                                                   std::unique_ptr<ObjectWriter> content,
                                                   const WriteCondition& condition = {}) = 0;
  /// Says something else of a version, and of the same content: `change` is given what is said now, while nobody else
  /// changes it. Returns what is said afterwards. `version`: its id; empty: the current object. Errors: not_found,
  /// those of `change`.
  virtual Result<ObjectMeta> describe(const std::string& bucket, const std::string& key, const std::string& version,
                                      const std::function<Result<void>(ObjectMeta&)>& change) = 0;
  /// As describe. Errors: not_found (a delete marker is not there to be opened), unavailable.
  virtual Result<std::unique_ptr<ObjectReader>> open(const std::string& bucket, const std::string& key,
                                                     const std::string& version = {}) = 0;
  /// The version of this id; empty: the key's newest one, delete markers included. None: there is none.
  virtual std::optional<ListedVersion> find_version(const std::string& bucket, const std::string& key,
                                                    const std::string& version) const = 0;
  /// The current object goes, or gets a delete marker (versioning_setting). One that is not there is no error. Errors:
  /// conflict, unavailable.
  virtual Result<Removed> remove(const std::string& bucket, const std::string& key,
                                 const WriteCondition& condition = {}) = 0;
  /// This version goes for good, if `permit` has no error to say of it. One that is not there is no error. Errors:
  /// those of `permit`, unavailable.
  virtual Result<Removed> remove_version(const std::string& bucket, const std::string& key, const std::string& version,
                                         const std::function<Result<void>(const ObjectMeta&)>& permit = {}) = 0;
  /// Errors: not_found (the bucket).
  virtual Result<ObjectListing> list(const std::string& bucket, const ObjectQuery& query) const = 0;
  /// Errors: not_found (the bucket).
  virtual Result<VersionListing> list_versions(const std::string& bucket, const VersionQuery& query) const = 0;

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
  /// conflict, invalid (no such part), unavailable. As put.
  virtual Result<std::optional<ObjectVersion>> complete_upload(const std::string& bucket, const std::string& upload,
                                                               const std::vector<UploadPart>& parts, ObjectMeta meta,
                                                               const WriteCondition& condition = {}) = 0;
  /// What this upload was completed to, for as long as it is there: a version of `key` with this etag. As durable
  /// afterwards as after a change. Errors: not_found, unavailable, exhausted.
  virtual Result<ObjectMeta> completed_upload(const std::string& bucket, const std::string& upload,
                                              const std::string& key, const std::string& etag) = 0;
  /// Errors: not_found, unavailable.
  virtual Result<void> abort_upload(const std::string& bucket, const std::string& upload) = 0;

  /// What may wait: space that is free again is given back. Called now and then. Errors: unavailable, exhausted.
  virtual Result<void> tidy() = 0;
  /// Reads the first one behind this (of which bucket and name count) and checks it; none: there is no other. Errors:
  /// unavailable.
  virtual Result<std::optional<Scrubbed>> scrub_after(const Scrubbed& last) = 0;
};

}  // namespace barrio::ports
namespace barrio {
BARRIO_JSON_APART(ports::ObjectMeta)
}
