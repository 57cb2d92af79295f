#pragma once
// One entry of the journal: a header in clear, then what it says, sealed with its bucket's key. Numbers are
// little-endian.
//
//    0  4  "BRO1"
//    4  4  length of the sealed part
//    8  8  epoch: of the bucket's home when it was written
//   16  1  kind
//   24 16  the bucket's id
//   40 16  salt of the record's key
//   56  8  CRC-32C of bytes 0-55 and the sealed part: tells a torn end without any key
//   64     sealed (AES-256-GCM, the header's bytes 0-55 bound): length of the JSON, 4 bytes; the JSON; the content of a
//          small object

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ports/object_store.h"

namespace barrio::adapters::sealed_store {

/// put: an object, and what was an upload ends with it. remove: an object. upload, part, abort: of one that is written
/// in parts; an abort with text ends the parts alone whose numbers are not in it ("1,2,12"). fence: nothing of a lower
/// epoch than this record's follows. clear: nothing of the bucket before it counts. setting: of the bucket; meta.key is
/// its name, and without text it goes.
enum class RecordKind : uint8_t {
  put = 1,
  remove = 2,
  upload = 3,
  part = 4,
  abort = 5,
  fence = 6,
  clear = 7,
  setting = 8
};

/// A piece of content in a file of its own (content.h).
struct Extent {
  std::string file;
  std::string salt;  // hex
  int64_t size = 0;
};
BARRIO_DESCRIBE(Extent, (), (file, salt, size))

struct RecordBody {
  ports::ObjectMeta meta = {};  // of a part, its key is empty
  std::vector<Extent> extents = {};
  std::string upload = {};  // empty: none
  int part = 0;
  int64_t inlined = 0;                   // bytes of content that follow the JSON
  std::optional<std::string> text = {};  // of a setting, of an abort
};
BARRIO_DESCRIBE(RecordBody, (), (meta, extents, upload, part, inlined, text))

inline constexpr size_t record_header_bytes = 64;
inline constexpr size_t most_record_bytes = 16 * 1024 * 1024;

struct RecordHead {
  uint32_t sealed_bytes = 0;
  uint64_t epoch = 0;
  RecordKind kind = RecordKind::put;
  std::string bucket;  // 32 hex digits
};

/// A whole record as it stands in the journal. `content`: of a small object.
std::string encode_record(RecordKind kind, uint64_t epoch, const std::string& bucket, const std::string& bucket_key,
                          const RecordBody& body, std::string_view content);
/// At the beginning of `bytes`; none: no record, or not all of it, or damaged.
std::optional<RecordHead> read_record_head(std::string_view bytes);
/// The same for the same record at every site, another for any other: 63 bits. Of a record that has a head.
uint64_t stamp_of(std::string_view record);
struct OpenedRecord {
  RecordBody body;
  std::string content;
};
/// Errors: invalid (another key, damaged).
Result<OpenedRecord> open_record(std::string_view record, const std::string& bucket_key);

}  // namespace barrio::adapters::sealed_store
