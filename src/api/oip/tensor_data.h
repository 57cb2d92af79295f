#pragma once
// The "data" member of a tensor: JSON arrays, nested as the shape or flat, to and from Tensor::data.

#include <string>

#include "ports/inference_backend.h"

namespace barrio::api {

/// Fills `tensor.data` from `data`, by its type and shape. Errors: invalid, with `where` empty.
Result<void> read_tensor_data(const Json& data, ports::Tensor& tensor);
/// Appends the flat array to `out`. The tensor's size must have been checked. Errors: invalid (JSON cannot carry it).
Result<void> print_tensor_data(const ports::Tensor& tensor, std::string& out);

}  // namespace barrio::api
