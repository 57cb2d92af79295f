#include "ports/tensor.h"

#include "base/check.h"

namespace barrio::ports {

size_t element_size(DataType type) {
  switch (type) {
    case DataType::BOOL:
    case DataType::UINT8:
    case DataType::INT8: return 1;
    case DataType::UINT16:
    case DataType::INT16:
    case DataType::FP16: return 2;
    case DataType::UINT32:
    case DataType::INT32:
    case DataType::FP32: return 4;
    case DataType::UINT64:
    case DataType::INT64:
    case DataType::FP64: return 8;
    case DataType::BYTES: return 0;
  }
  return 0;
}

Result<size_t> element_count(std::span<const int64_t> shape) {
  if (shape.size() > max_tensor_rank) {
    return fail(Code::invalid, "the shape has " + std::to_string(shape.size()) + " dimensions, more than " +
                                   std::to_string(max_tensor_rank));
  }
  // A zero anywhere makes the product zero, but may not hide an absurd or negative dimension beside it.
  size_t count = 1;
  bool empty = false;
  for (int64_t dimension : shape) {
    if (dimension < 0) return fail(Code::invalid, "the shape " + shape_text(shape) + " has a negative dimension");
    if (dimension == 0) {
      empty = true;
      continue;
    }
    if (__builtin_mul_overflow(count, static_cast<size_t>(dimension), &count) || count > max_tensor_bytes) {
      return fail(Code::invalid, "the shape " + shape_text(shape) + " has too many elements");
    }
  }
  return empty ? 0 : count;
}

std::string shape_text(std::span<const int64_t> shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ",") + std::to_string(shape[i]);
  return text + "]";
}

std::string pack_bytes(std::string_view element) {
  const auto length = static_cast<uint32_t>(element.size());
  std::string packed;
  packed.reserve(element.size() + 4);
  for (int shift = 0; shift < 32; shift += 8) packed += static_cast<char>((length >> shift) & 0xff);
  packed += element;
  return packed;
}

Result<std::vector<std::string_view>> unpack_bytes(std::string_view data, size_t count) {
  std::vector<std::string_view> elements;
  while (!data.empty()) {
    if (data.size() < 4)
      return fail(Code::invalid, "the data ends inside the length of element " + std::to_string(elements.size()));
    uint32_t length = 0;
    for (size_t i = 0; i < 4; ++i) length |= static_cast<uint32_t>(static_cast<unsigned char>(data[i])) << (8 * i);
    data.remove_prefix(4);
    if (length > data.size()) {
      return fail(Code::invalid, "element " + std::to_string(elements.size()) + " says it has " +
                                     std::to_string(length) + " bytes, but " + std::to_string(data.size()) +
                                     " are left");
    }
    elements.push_back(data.substr(0, length));
    data.remove_prefix(length);
  }
  if (elements.size() != count) {
    return fail(Code::invalid, "the data has " + std::to_string(elements.size()) +
                                   " elements, but the shape asks for " + std::to_string(count));
  }
  return elements;
}

Result<void> check_size(const Tensor& tensor) {
  TRY(size_t count, element_count(tensor.shape));
  if (tensor.type == DataType::BYTES) {
    TRY_DO(unpack_bytes(tensor.data, count));
    return {};
  }
  const size_t wanted = count * element_size(tensor.type);
  if (wanted > max_tensor_bytes) return fail(Code::invalid, "the shape " + shape_text(tensor.shape) + " is too large");
  if (tensor.data.size() != wanted) {
    return fail(Code::invalid, "the data has " + std::to_string(tensor.data.size()) + " bytes, but shape " +
                                   shape_text(tensor.shape) + " of " + to_name(tensor.type) + " asks for " +
                                   std::to_string(wanted));
  }
  return {};
}

namespace {

Result<void> check_against(const TensorSpec& spec, const Tensor& tensor) {
  const std::string where = "input '" + spec.name + "'";
  if (tensor.type != spec.datatype) {
    return fail(Code::invalid,
                std::string("is ") + to_name(tensor.type) + ", but the model takes " + to_name(spec.datatype), where);
  }
  bool fits = tensor.shape.size() == spec.shape.size();
  for (size_t i = 0; fits && i < spec.shape.size(); ++i) fits = spec.shape[i] < 0 || spec.shape[i] == tensor.shape[i];
  if (!fits) {
    return fail(
        Code::invalid,
        "has shape " + shape_text(tensor.shape) + ", but the model takes " + shape_text(spec.shape) + " (-1: any)",
        where);
  }
  auto size = check_size(tensor);
  if (!size) return fail(std::move(size).error().within(where));
  return {};
}

}  // namespace

Result<void> check_inputs(const ModelInfo& model, const InferenceRequest& request) {
  for (const TensorSpec& spec : model.inputs) {
    const Tensor* found = nullptr;
    for (const Tensor& tensor : request.inputs) {
      if (tensor.name != spec.name) continue;
      if (found != nullptr) return fail(Code::invalid, "is given twice", "input '" + spec.name + "'");
      found = &tensor;
    }
    if (found == nullptr) return fail(Code::invalid, "is missing", "input '" + spec.name + "'");
    TRY_DO(check_against(spec, *found));
  }
  for (const Tensor& tensor : request.inputs) {
    bool known = false;
    for (const TensorSpec& spec : model.inputs) known = known || spec.name == tensor.name;
    if (!known) return fail(Code::invalid, "is not an input of model " + model.name, "input '" + tensor.name + "'");
  }
  return {};
}

const Tensor& input_named(const InferenceRequest& request, std::string_view name) {
  const Tensor* found = nullptr;
  for (const Tensor& tensor : request.inputs) {
    if (tensor.name == name) found = &tensor;
  }
  CHECK(found != nullptr);
  return *found;
}

}  // namespace barrio::ports
