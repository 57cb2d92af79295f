#include "api/oip/wire.h"

#include <array>

#include "base/check.h"

namespace barrio::api {

namespace {

constexpr size_t most_limits = 8;

tl::unexpected<Error> malformed() {
  return fail(Code::invalid, "the message is not well-formed protobuf");
}

}  // namespace

bool WireReader::varint(uint64_t& value) {
  value = 0;
  for (unsigned shift = 0; shift < 70 && !rest_.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    if (shift < 64) value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

Result<bool> WireReader::next(WireField& field) {
  if (rest_.empty()) return false;
  const std::string_view from = rest_;
  uint64_t tag = 0;
  if (!varint(tag) || tag > UINT32_MAX || tag >> 3 == 0) return malformed();
  field.number = static_cast<uint32_t>(tag >> 3);
  field.type = static_cast<WireType>(tag & 7);
  field.bytes = {};
  uint64_t size = 0;
  switch (field.type) {
    case WireType::varint:
      if (!varint(size)) return malformed();
      size = 0;
      break;
    case WireType::fixed64: size = 8; break;
    case WireType::fixed32: size = 4; break;
    case WireType::bytes:
      if (!varint(size)) return malformed();
      break;
    default: return malformed();
  }
  if (size > rest_.size()) return malformed();
  if (field.type == WireType::bytes) field.bytes = rest_.substr(0, static_cast<size_t>(size));
  rest_.remove_prefix(static_cast<size_t>(size));
  field.whole = from.substr(0, from.size() - rest_.size());
  return true;
}

Result<void> check_wire(std::string_view message, std::span<const WireLimit> limits) {
  CHECK(limits.size() <= most_limits);
  std::array<size_t, most_limits> counts{};
  WireReader reader(message);
  WireField field;
  for (;;) {
    TRY(const bool more, reader.next(field));
    if (!more) return {};
    for (size_t i = 0; i < limits.size(); ++i) {
      const WireLimit& limit = limits[i];
      if (limit.number != field.number) continue;
      if (++counts[i] > limit.most)
        return fail(Code::invalid, "more than " + std::to_string(limit.most), std::string(limit.name));
      if (!limit.inside.empty() && field.type == WireType::bytes) TRY_DO(check_wire(field.bytes, limit.inside));
    }
  }
}

void append_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

void append_bytes_field(std::string& out, uint32_t number, std::string_view value) {
  append_varint(out, static_cast<uint64_t>(number) << 3 | static_cast<uint64_t>(WireType::bytes));
  append_varint(out, value.size());
  out += value;
}

}  // namespace barrio::api
