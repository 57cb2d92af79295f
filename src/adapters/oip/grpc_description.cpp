#include "adapters/oip/grpc_description.h"

#include <algorithm>
#include <optional>

#include "api/oip/wire.h"
#include "ports/tensor.h"

namespace barrio::adapters::oip {

namespace {

using api::WireField;
using api::WireReader;
using api::WireType;

constexpr size_t most_tensors = 64;

/// Takes one varint off the front; none: cut off.
std::optional<uint64_t> take_varint(std::string_view& bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes.size() && i < 10; ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    value |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      bytes.remove_prefix(i + 1);
      return value;
    }
  }
  return std::nullopt;
}

/// The value of a field of type varint.
uint64_t varint_of(const WireField& field) {
  std::string_view whole = field.whole;
  static_cast<void>(take_varint(whole));  // the tag
  return take_varint(whole).value_or(0);
}

/// One number, or many in one field ("packed", which is what servers send).
Result<void> read_shape(const WireField& field, std::vector<int64_t>& shape) {
  if (field.type == WireType::varint) shape.push_back(static_cast<int64_t>(varint_of(field)));
  std::string_view bytes = field.type == WireType::bytes ? field.bytes : std::string_view();
  while (!bytes.empty() && shape.size() <= ports::max_tensor_rank) {
    const auto number = take_varint(bytes);
    if (!number) return fail(Code::invalid, "ends inside a number", "shape");
    shape.push_back(static_cast<int64_t>(*number));
  }
  if (shape.size() > ports::max_tensor_rank) return fail(Code::invalid, "has too many dimensions", "shape");
  return {};
}

Result<ports::TensorSpec> read_spec(std::string_view message) {
  ports::TensorSpec spec;
  std::string type;
  WireReader reader(message);
  WireField field;
  while (true) {
    TRY(bool more, reader.next(field));
    if (!more) break;
    if (field.number == 1 && field.type == WireType::bytes) spec.name = field.bytes;
    if (field.number == 2 && field.type == WireType::bytes) type = field.bytes;
    if (field.number == 3) TRY_DO(read_shape(field, spec.shape));
  }
  auto parsed = from_json<ports::DataType>(Json(boost::json::string_view(type.data(), type.size())), "datatype");
  if (!parsed) return fail(std::move(parsed).error().within("'" + spec.name + "'"));
  spec.datatype = *parsed;
  return spec;
}

}  // namespace

Result<ports::ModelInfo> parse_metadata(std::string_view message) {
  ports::ModelInfo info;
  WireReader reader(message);
  WireField field;
  while (true) {
    TRY(bool more, reader.next(field));
    if (!more) break;
    if (field.type != WireType::bytes) continue;
    if (field.number == 1) info.name = field.bytes;
    if (field.number == 3) info.platform = field.bytes;
    if (field.number != 4 && field.number != 5) continue;
    TRY(auto spec, read_spec(field.bytes));
    auto& specs = field.number == 4 ? info.inputs : info.outputs;
    if (specs.size() == most_tensors) return fail(Code::invalid, "has too many tensors");
    specs.push_back(std::move(spec));
  }
  if (info.inputs.empty() || info.outputs.empty()) return fail(Code::invalid, "names no inputs or no outputs");
  return info;
}

Result<size_t> parse_max_batch_size(std::string_view message) {
  size_t rows = 1;
  WireReader reader(message);
  WireField field;
  while (true) {
    TRY(bool more, reader.next(field));
    if (!more) return rows;
    if (field.number != 1 || field.type != WireType::bytes) continue;
    WireReader config(field.bytes);
    WireField part;
    while (true) {
      TRY(bool within, config.next(part));
      if (!within) break;
      if (part.number == 4 && part.type == WireType::varint)
        rows = static_cast<size_t>(std::clamp<int64_t>(static_cast<int64_t>(varint_of(part)), 1, 1 << 20));
    }
  }
}

}  // namespace barrio::adapters::oip
