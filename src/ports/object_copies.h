#pragma once
// How a bucket is kept at several sites. A change is one record, sealed with the bucket's key and the same bytes at
// every site, which may refer to content files that are sealed, too. Its home makes it; followers take it as it is.
// What a bucket holds has names among its copies: "o/KEY" the null version of an object (where versions are not kept:
// the object), "o/KEY\0ID" another version or a delete marker of it, "s/NAME" a setting, "u/ID" an open upload with its
// parts. Which version is the current one follows from what they say. Of the records themselves, each part of an upload
// has a name of its own, too: "u/ID\0NUMBER".

#include <functional>
#include <string>
#include <vector>

#include "model/ids.h"
#include "ports/object_store.h"

namespace barrio::ports {

/// The name of a version among the copies of its bucket. Keys have no zeros.
inline std::string object_name(const std::string& key, const ObjectVersion& version) {
  return "o/" + key + (version.numbered ? '\0' + version.id() : "");
}

/// A file of sealed content, by the name it has everywhere.
struct ContentFile {
  std::string name;
  int64_t bytes = 0;
};
BARRIO_DESCRIBE(ContentFile, (), (name, bytes))

struct CopiedChange {
  std::string bucket;
  std::string record;
  std::vector<ContentFile> files;  // that the record refers to
};

/// Who takes changes to the other sites.
class CopySink {
 public:
  virtual ~CopySink() = default;
  /// Whether changes of this bucket are made here: not where its home is elsewhere by now.
  virtual bool may_change(const std::string& bucket) const = 0;
  /// Whether changes of this bucket are for others, too.
  virtual bool wants(const std::string& bucket) const = 0;
  /// The change is on this site's disk, and nobody else changes the same name meanwhile; it is acknowledged when this
  /// has returned without an error. Errors: unavailable.
  virtual Result<void> copy(const CopiedChange& change) = 0;
};

/// `stamp`: the same where the same record is, another otherwise; 63 bits, as JSON's whole numbers here.
struct CopyEntry {
  std::string name;
  uint64_t stamp = 0;
};
BARRIO_DESCRIBE(CopyEntry, (), (name, stamp))

/// What became of a record that came from a bucket's home.
struct AcceptedCopy {
  std::vector<ContentFile> missing;  // not empty: nothing was done, this content comes first
  enum class Act { put, removed, other } act = Act::other;
  std::string key;
  std::string sha256;
  int64_t bytes = 0;
};

/// Another copy of a damaged record and what it refers to.
class CopySource {
 public:
  virtual ~CopySource() = default;
  virtual Result<std::string> record() = 0;
  /// At least one byte of the file from `offset` on.
  virtual Result<std::string> content(const std::string& file, int64_t offset) = 0;
};

class ObjectCopies {
 public:
  static constexpr size_t piece_bytes = 4 * 1024 * 1024;  // of content on its way

  virtual ~ObjectCopies() = default;
  /// Null: changes stay here. It outlives the store, or is taken back.
  virtual void set_sink(CopySink* sink) = 0;

  /// The highest epoch that was raised, also before a restart; 0: none.
  virtual int64_t epoch(const std::string& bucket) const = 0;
  /// From now on nothing of a lower one is accepted; returns when that is on the disk and what was under way has ended.
  /// Errors: not_found, unavailable, exhausted.
  virtual Result<void> raise_epoch(const std::string& bucket, int64_t epoch) = 0;
  /// Something that was acknowledged may be missing: the journal was damaged when it was opened.
  virtual bool is_incomplete(const std::string& bucket) const = 0;
  virtual void set_complete(const std::string& bucket) = 0;

  /// All that have a key here.
  virtual std::vector<std::string> buckets() const = 0;
  /// The bucket's key, for another site that keeps it. Errors: not_found.
  virtual Result<std::string> give_key(const std::string& bucket) const = 0;
  /// Makes the bucket with another site's key for it; what was here under another key goes. Errors: unavailable.
  virtual Result<void> take_key(const std::string& bucket, const TenantId& tenant, const std::string& key) = 0;
  /// Everything of it goes, the key first. Errors: conflict (it is being changed), unavailable.
  virtual Result<void> forget_bucket(const std::string& bucket) = 0;

  /// A change of the bucket's home, which names its epoch. One that is here is no error. Errors: not_found (the
  /// bucket), conflict (a lower epoch), invalid (no record of this bucket), unavailable, exhausted.
  virtual Result<AcceptedCopy> accept(const std::string& bucket, int64_t epoch, std::string record) = 0;
  /// A piece of a content file of the bucket, in order from 0 on; the record that refers to it comes later. What no
  /// record has referred to an hour after the last piece goes again, and with the bucket at once. Errors: not_found
  /// (the bucket), conflict (not the next piece), invalid (its name), unavailable, exhausted.
  virtual Result<void> take_content(const std::string& bucket, const std::string& file, int64_t offset,
                                    std::string_view bytes, bool last) = 0;
  /// Of what the record of this name refers to alone. Errors: not_found, unavailable.
  virtual Result<std::string> give_content(const std::string& bucket, const std::string& name, const std::string& file,
                                           int64_t offset) = 0;
  virtual Result<std::string> give_record(const std::string& bucket, const std::string& name) = 0;
  /// A content file that a change of this store refers to.
  virtual Result<std::string> read_content(const std::string& file, int64_t offset) = 0;

  /// By name, behind `after`.
  virtual std::vector<CopyEntry> entries(const std::string& bucket, const std::string& after, size_t limit) const = 0;
  /// Sends the changes that make `name` at another site what it is here, gone included, while nobody changes it here.
  /// What is damaged here is not sent. Errors: unavailable, those of `send`.
  virtual Result<void> resend(const std::string& bucket, const std::string& name,
                              const std::function<Result<void>(const CopiedChange&)>& send) = 0;
  /// Replaces a damaged record and its content with the same of another site, checked before; the bucket does not go
  /// meanwhile. Errors: not_found, conflict (the other has another one), unavailable (that one is damaged, too).
  virtual Result<void> repair(const std::string& bucket, const std::string& name, CopySource& source) = 0;
};

}  // namespace barrio::ports
