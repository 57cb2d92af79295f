#include "api/oip/tensor_data.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <span>
#include <utility>

#include "base/text.h"
#include "ports/tensor.h"

namespace barrio::api {

using ports::DataType;
using ports::Tensor;

namespace {

template <class T>
void append_native(T value, std::string& out) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}

Result<void> no_such_value(const Json& value, std::string_view wanted) {
  return fail(Code::invalid, "'data' has " + print_json(value).substr(0, 40) + ", which is not " + std::string(wanted));
}

template <class T>
Result<void> read_integer(const Json& value, std::string& out) {
  if (value.is_int64() && std::in_range<T>(value.get_int64())) {
    append_native(static_cast<T>(value.get_int64()), out);
  } else if (value.is_uint64() && std::in_range<T>(value.get_uint64())) {
    append_native(static_cast<T>(value.get_uint64()), out);
  } else {
    return no_such_value(value, fmt::format("a whole number from {} to {}", std::numeric_limits<T>::min(),
                                            std::numeric_limits<T>::max()));
  }
  return {};
}

template <class T>
Result<void> read_float(const Json& value, std::string& out) {
  double number = 0;
  if (value.is_double())
    number = value.get_double();
  else if (value.is_int64())
    number = static_cast<double>(value.get_int64());
  else if (value.is_uint64())
    number = static_cast<double>(value.get_uint64());
  else
    return no_such_value(value, "a number");
  // JSON has no infinity: a number beyond the type would silently become one.
  if (!(std::abs(number) <= static_cast<double>(std::numeric_limits<T>::max())))
    return no_such_value(value, "in the range of the type");
  append_native(static_cast<T>(number), out);
  return {};
}

Result<void> read_bool(const Json& value, std::string& out) {
  const bool is_bit = value.is_int64() && (value.get_int64() == 0 || value.get_int64() == 1);
  if (!value.is_bool() && !is_bit) return no_such_value(value, "true or false");
  out += static_cast<char>(value.is_bool() ? value.get_bool() : value.get_int64() == 1);
  return {};
}

Result<void> read_element(const Json& value, DataType type, std::string& out) {
  switch (type) {
    case DataType::BOOL: return read_bool(value, out);
    case DataType::UINT8: return read_integer<uint8_t>(value, out);
    case DataType::UINT16: return read_integer<uint16_t>(value, out);
    case DataType::UINT32: return read_integer<uint32_t>(value, out);
    case DataType::UINT64: return read_integer<uint64_t>(value, out);
    case DataType::INT8: return read_integer<int8_t>(value, out);
    case DataType::INT16: return read_integer<int16_t>(value, out);
    case DataType::INT32: return read_integer<int32_t>(value, out);
    case DataType::INT64: return read_integer<int64_t>(value, out);
    case DataType::FP32: return read_float<float>(value, out);
    case DataType::FP64: return read_float<double>(value, out);
    case DataType::FP16: return fail(Code::invalid, "FP16 has no JSON form: send it as binary data");
    case DataType::BYTES: break;
  }
  if (!value.is_string()) return no_such_value(value, "text");
  out += ports::pack_bytes(std::string_view(value.get_string().data(), value.get_string().size()));
  return {};
}

Result<void> read_nested(const Json& value, std::span<const int64_t> shape, DataType type, std::string& out) {
  if (shape.empty()) return read_element(value, type, out);
  if (!value.is_array() || value.get_array().size() != static_cast<size_t>(shape.front())) {
    return fail(Code::invalid,
                "'data' is not nested as the shape says: a list of " + std::to_string(shape.front()) + " was expected");
  }
  for (const Json& item : value.get_array()) TRY_DO(read_nested(item, shape.subspan(1), type, out));
  return {};
}

template <class T>
T element(const Tensor& tensor, size_t index) {
  T value;
  std::memcpy(&value, tensor.data.data() + index * sizeof(T), sizeof(T));
  return value;
}

template <class T>
Result<void> print_numbers(const Tensor& tensor, std::string& out) {
  for (size_t i = 0; i < tensor.data.size() / sizeof(T); ++i) {
    const T value = element<T>(tensor, i);
    if constexpr (std::floating_point<T>) {
      if (!std::isfinite(value))
        return fail(Code::invalid, "element " + std::to_string(i) +
                                       " is not a finite number, which JSON cannot carry: ask for binary data");
    }
    if (i > 0) out += ',';
    // The shortest form that reads back to the same value, but "-0" would read back as the integer 0.
    fmt::format_to(std::back_inserter(out), "{}", value);
    if constexpr (std::floating_point<T>) {
      if (value == 0 && std::signbit(value)) out += ".0";
    }
  }
  return {};
}

Result<void> print_texts(const Tensor& tensor, std::string& out) {
  TRY(size_t count, ports::element_count(tensor.shape));
  TRY(auto elements, ports::unpack_bytes(tensor.data, count));
  for (size_t i = 0; i < elements.size(); ++i) {
    if (!is_utf8(elements[i]))
      return fail(Code::invalid,
                  "element " + std::to_string(i) + " is not UTF-8 text, which JSON cannot carry: use binary data");
    if (i > 0) out += ',';
    out += print_json(Json(boost::json::string_view(elements[i].data(), elements[i].size())));
  }
  return {};
}

Result<void> print_bools(const Tensor& tensor, std::string& out) {
  for (size_t i = 0; i < tensor.data.size(); ++i) {
    if (i > 0) out += ',';
    out += tensor.data[i] != 0 ? "true" : "false";
  }
  return {};
}

Result<void> print_elements(const Tensor& tensor, std::string& out) {
  switch (tensor.type) {
    case DataType::BOOL: return print_bools(tensor, out);
    case DataType::UINT8: return print_numbers<uint8_t>(tensor, out);
    case DataType::UINT16: return print_numbers<uint16_t>(tensor, out);
    case DataType::UINT32: return print_numbers<uint32_t>(tensor, out);
    case DataType::UINT64: return print_numbers<uint64_t>(tensor, out);
    case DataType::INT8: return print_numbers<int8_t>(tensor, out);
    case DataType::INT16: return print_numbers<int16_t>(tensor, out);
    case DataType::INT32: return print_numbers<int32_t>(tensor, out);
    case DataType::INT64: return print_numbers<int64_t>(tensor, out);
    case DataType::FP32: return print_numbers<float>(tensor, out);
    case DataType::FP64: return print_numbers<double>(tensor, out);
    case DataType::FP16: return fail(Code::invalid, "FP16 has no JSON form: ask for binary data");
    case DataType::BYTES: return print_texts(tensor, out);
  }
  return {};
}

}  // namespace

Result<void> read_tensor_data(const Json& data, Tensor& tensor) {
  TRY(size_t count, ports::element_count(tensor.shape));
  if (!data.is_array()) return fail(Code::invalid, "'data' must be a list");
  const JsonArray& items = data.get_array();
  // As many bytes as were really sent can be asked for, whatever the shape claims.
  tensor.data.reserve(std::min(count, items.size()) * ports::element_size(tensor.type));
  if (tensor.shape.size() > 1 && !items.empty() && items.front().is_array()) {
    return read_nested(data, tensor.shape, tensor.type, tensor.data);
  }
  if (items.size() != count) {
    return fail(Code::invalid, "'data' has " + std::to_string(items.size()) + " elements, but shape " +
                                   ports::shape_text(tensor.shape) + " asks for " + std::to_string(count));
  }
  for (const Json& item : items) TRY_DO(read_element(item, tensor.type, tensor.data));
  return {};
}

Result<void> print_tensor_data(const Tensor& tensor, std::string& out) {
  out += '[';
  TRY_DO(print_elements(tensor, out));
  out += ']';
  return {};
}

}  // namespace barrio::api
