#pragma once
// An object's bytes. Small ones stand in their journal record; larger ones in a file of their own, in chunks that are
// sealed one by one, so that a range can be read and every byte that is read was checked. Chunk i stands at
// i * (chunk_bytes + 16); its nonce is its number, and says whether it is the last.

#include <optional>

#include "adapters/sealed_store/content_cache.h"
#include "adapters/sealed_store/journal.h"
#include "adapters/sealed_store/md5_queue.h"
#include "adapters/sealed_store/record.h"
#include "base/hash.h"
#include "ports/medium.h"
#include "ports/object_store.h"
#include "ports/runtime.h"

namespace barrio::adapters::sealed_store {

inline constexpr size_t chunk_bytes = 64 * 1024;
inline constexpr size_t most_inlined = 128 * 1024;
inline constexpr size_t write_batch = 1024 * 1024;  // of one piece of blocking work

/// A fiber's; the file that it wrote is left with it, unless it was kept.
class ContentWriter final : public ports::ObjectWriter {
 public:
  /// `left`: takes the names of files that nothing will refer to; outlives it, as `hashing` does.
  ContentWriter(ports::Runtime& runtime, ports::Medium& medium, Md5Queue& hashing, std::string bucket_key,
                std::vector<std::string>& left);
  ~ContentWriter() override;
  Result<void> write(std::string_view piece) override;
  Result<ports::ContentDigest> finish() override;

  /// After finish(): where it is, or the content itself.
  const std::optional<Extent>& extent() const { return extent_; }
  const std::string& inlined() const { return buffer_; }
  /// A record refers to it from now on.
  void keep() { kept_ = true; }
  /// Even where it is small: of a part, which is not copied when its object is made.
  void use_file() { must_use_file_ = true; }

 private:
  Result<void> flush(bool last);
  Result<void> write_chunks(bool last);
  void seal_chunk(char* out, std::string_view chunk, bool last);

  ports::Runtime& runtime_;
  ports::Medium& medium_;
  Md5Queue& hashing_;
  const std::string bucket_key_;
  std::vector<std::string>& left_;
  std::string buffer_;              // not written yet
  size_t hashed_ = 0;               // of the buffer, by MD5
  std::unique_ptr<char[]> sealed_;  // of sealed_batch chunks, on their way to the file
  std::optional<Extent> extent_;
  ports::SharedFile file_;
  std::string key_;
  uint64_t chunks_ = 0;
  int64_t size_ = 0;
  Md5 md5_;
  Hasher sha256_{HashKind::sha256};
  bool must_use_file_ = false;
  bool finished_ = false;
  bool kept_ = false;
};

/// Of a file with this extent.
int64_t sealed_size(int64_t size);
/// No path: 32 hex digits, as ContentWriter makes them.
bool is_file_name(std::string_view name);

class ContentReader final : public ports::ObjectReader {
 public:
  /// `cache`: null: what is read comes from the medium. `drops`: of the cache, before the object was looked up.
  ContentReader(ports::Runtime& runtime, std::string bucket_key, OpenedRecord record,
                std::vector<ports::SharedFile> files, ContentCache* cache = nullptr, uint64_t drops = 0)
      : runtime_(runtime),
        bucket_key_(std::move(bucket_key)),
        record_(std::move(record)),
        files_(std::move(files)),
        cache_(cache),
        drops_(drops) {}
  const ports::ObjectMeta& meta() const override { return record_.body.meta; }
  Result<ports::ReadBytes> read(uint64_t offset, size_t most) override;

 private:
  /// For the cache. Null: there is no room for it.
  Result<ContentCache::Span> read_span(size_t which, uint64_t begin, uint64_t size) const;
  Result<std::string> read_extent(size_t which, uint64_t offset, size_t most) const;
  /// The chunks `first` to `last` of an extent, one after the other.
  Result<void> read_chunks(size_t which, uint64_t first, uint64_t last, char* out) const;

  ports::Runtime& runtime_;
  const std::string bucket_key_;
  const OpenedRecord record_;
  const std::vector<ports::SharedFile> files_;  // one for each extent
  ContentCache* const cache_;
  const uint64_t drops_;
};

}  // namespace barrio::adapters::sealed_store
