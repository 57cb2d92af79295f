#pragma once
// Sizes and shapes of tensors, and the check of a request against what a model takes. Shared by the wire format
// (api/oip) and the backends, so that a tensor means the same on both sides.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ports/inference_backend.h"

namespace barrio::ports {

/// No tensor is larger: it bounds what a stranger's shape can make us allocate.
constexpr size_t max_tensor_bytes = 256u << 20;
constexpr size_t max_tensor_rank = 16;

/// The product of the dimensions; 1 for a scalar. Errors: invalid (negative, or more than max_tensor_bytes elements).
Result<size_t> element_count(std::span<const int64_t> shape);
/// "[2,3]".
std::string shape_text(std::span<const int64_t> shape);

/// One element of a BYTES tensor as it lies in Tensor::data.
std::string pack_bytes(std::string_view element);
/// The elements of `data`, which must be exactly `count`. Errors: invalid.
Result<std::vector<std::string_view>> unpack_bytes(std::string_view data, size_t count);

/// Does the data have the size that type and shape ask for? Errors: invalid; `where` is not filled in.
Result<void> check_size(const Tensor& tensor);

/// Exactly the inputs of the model, each once, with its type, rank and fixed dimensions. Errors: invalid, naming the
/// tensor.
Result<void> check_inputs(const ModelInfo& model, const InferenceRequest& request);
/// The input with this name; call only after check_inputs.
const Tensor& input_named(const InferenceRequest& request, std::string_view name);

}  // namespace barrio::ports
