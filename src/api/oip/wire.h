#pragma once
// The fields of a protobuf message as they lie in its bytes (protobuf.dev, "Encoding"), read without copying and
// without memory: large ones are taken out before the rest is parsed, and repeated ones are counted, as two bytes of an
// empty message become a hundred in memory.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace barrio::api {

enum class WireType : uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

struct WireField {
  uint32_t number = 0;
  WireType type = WireType::varint;
  std::string_view bytes;  // the value of type bytes
  std::string_view whole;  // tag and value
};

/// Groups are refused: they were given up before this protocol began.
class WireReader {
 public:
  explicit WireReader(std::string_view message) : rest_(message) {}
  /// False: at the end. Errors: invalid.
  Result<bool> next(WireField& field);

 private:
  bool varint(uint64_t& value);

  std::string_view rest_;
};

/// How often a field may occur, at most, and the same for the fields in it.
struct WireLimit {
  uint32_t number;
  size_t most;
  std::string_view name;  // for the error
  std::span<const WireLimit> inside = {};
};

/// Errors: invalid: malformed where `limits` look into it, or a limit is passed (named).
Result<void> check_wire(std::string_view message, std::span<const WireLimit> limits);

void append_varint(std::string& out, uint64_t value);
/// Tag, length and value of a field of type bytes.
void append_bytes_field(std::string& out, uint32_t number, std::string_view value);

}  // namespace barrio::api
