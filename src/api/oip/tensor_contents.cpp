#include "api/oip/tensor_contents.h"

#include <inference.pb.h>

#include <cstring>
#include <limits>

#include "ports/tensor.h"

namespace barrio::api {

using ports::DataType;
using ports::Tensor;

namespace {

Result<void> check_count(int given, size_t wanted, std::string_view field, const Tensor& tensor) {
  if (static_cast<size_t>(given) == wanted) return {};
  return fail(Code::invalid, "'contents." + std::string(field) + "' has " + std::to_string(given) +
                                 " elements, but shape " + ports::shape_text(tensor.shape) + " of " +
                                 to_name(tensor.type) + " asks for " + std::to_string(wanted));
}

/// Elements that lie in memory as they do in Tensor::data.
template <class Wire>
Result<void> copy_in(const google::protobuf::RepeatedField<Wire>& values, size_t count, std::string_view field,
                     Tensor& tensor) {
  TRY_DO(check_count(values.size(), count, field, tensor));
  tensor.data.assign(reinterpret_cast<const char*>(values.data()), count * sizeof(Wire));
  return {};
}

/// Elements that the wire carries in a wider type.
template <class Element, class Wire>
Result<void> narrow_in(const google::protobuf::RepeatedField<Wire>& values, size_t count, std::string_view field,
                       Tensor& tensor) {
  TRY_DO(check_count(values.size(), count, field, tensor));
  tensor.data.resize(count * sizeof(Element));
  char* to = tensor.data.data();
  for (const Wire value : values) {
    if (value < std::numeric_limits<Element>::min() || value > std::numeric_limits<Element>::max()) {
      return fail(Code::invalid, std::to_string(value) + " does not fit into " + to_name(tensor.type));
    }
    const auto element = static_cast<Element>(value);
    std::memcpy(to, &element, sizeof(element));
    to += sizeof(element);
  }
  return {};
}

Result<void> texts_in(const inference::InferTensorContents& contents, size_t count, Tensor& tensor) {
  TRY_DO(check_count(contents.bytes_contents_size(), count, "bytes_contents", tensor));
  tensor.data.clear();
  for (const std::string& element : contents.bytes_contents()) tensor.data += ports::pack_bytes(element);
  return {};
}

template <class Wire>
void copy_out(const Tensor& tensor, google::protobuf::RepeatedField<Wire>& values) {
  values.Resize(static_cast<int>(tensor.data.size() / sizeof(Wire)), Wire{});
  // Without elements there is no place to copy to.
  if (!values.empty()) std::memcpy(values.mutable_data(), tensor.data.data(), tensor.data.size());
}

template <class Element, class Wire>
void widen_out(const Tensor& tensor, google::protobuf::RepeatedField<Wire>& values) {
  const size_t count = tensor.data.size() / sizeof(Element);
  values.Reserve(static_cast<int>(count));
  for (size_t i = 0; i < count; ++i) {
    Element element;
    std::memcpy(&element, tensor.data.data() + i * sizeof(Element), sizeof(Element));
    values.Add(static_cast<Wire>(element));
  }
}

Result<void> texts_out(const Tensor& tensor, inference::InferTensorContents& contents) {
  TRY(const size_t count, ports::element_count(tensor.shape));
  TRY(const auto elements, ports::unpack_bytes(tensor.data, count));
  for (const std::string_view element : elements) contents.add_bytes_contents(std::string(element));
  return {};
}

tl::unexpected<Error> no_half() {
  return fail(Code::invalid, "FP16 has no typed form: use raw contents");
}

}  // namespace

Result<void> read_tensor_contents(const inference::InferTensorContents& contents, Tensor& tensor) {
  TRY(const size_t count, ports::element_count(tensor.shape));
  switch (tensor.type) {
    case DataType::BOOL: return copy_in(contents.bool_contents(), count, "bool_contents", tensor);
    case DataType::INT8: return narrow_in<int8_t>(contents.int_contents(), count, "int_contents", tensor);
    case DataType::INT16: return narrow_in<int16_t>(contents.int_contents(), count, "int_contents", tensor);
    case DataType::INT32: return copy_in(contents.int_contents(), count, "int_contents", tensor);
    case DataType::INT64: return copy_in(contents.int64_contents(), count, "int64_contents", tensor);
    case DataType::UINT8: return narrow_in<uint8_t>(contents.uint_contents(), count, "uint_contents", tensor);
    case DataType::UINT16: return narrow_in<uint16_t>(contents.uint_contents(), count, "uint_contents", tensor);
    case DataType::UINT32: return copy_in(contents.uint_contents(), count, "uint_contents", tensor);
    case DataType::UINT64: return copy_in(contents.uint64_contents(), count, "uint64_contents", tensor);
    case DataType::FP32: return copy_in(contents.fp32_contents(), count, "fp32_contents", tensor);
    case DataType::FP64: return copy_in(contents.fp64_contents(), count, "fp64_contents", tensor);
    case DataType::BYTES: return texts_in(contents, count, tensor);
    case DataType::FP16: return no_half();
  }
  return {};
}

Result<void> fill_tensor_contents(const Tensor& tensor, inference::InferTensorContents& contents) {
  switch (tensor.type) {
    case DataType::BOOL: widen_out<char>(tensor, *contents.mutable_bool_contents()); break;
    case DataType::INT8: widen_out<int8_t>(tensor, *contents.mutable_int_contents()); break;
    case DataType::INT16: widen_out<int16_t>(tensor, *contents.mutable_int_contents()); break;
    case DataType::INT32: copy_out(tensor, *contents.mutable_int_contents()); break;
    case DataType::INT64: copy_out(tensor, *contents.mutable_int64_contents()); break;
    case DataType::UINT8: widen_out<uint8_t>(tensor, *contents.mutable_uint_contents()); break;
    case DataType::UINT16: widen_out<uint16_t>(tensor, *contents.mutable_uint_contents()); break;
    case DataType::UINT32: copy_out(tensor, *contents.mutable_uint_contents()); break;
    case DataType::UINT64: copy_out(tensor, *contents.mutable_uint64_contents()); break;
    case DataType::FP32: copy_out(tensor, *contents.mutable_fp32_contents()); break;
    case DataType::FP64: copy_out(tensor, *contents.mutable_fp64_contents()); break;
    case DataType::BYTES: return texts_out(tensor, contents);
    case DataType::FP16: return no_half();
  }
  return {};
}

}  // namespace barrio::api
