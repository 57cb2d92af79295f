#pragma once
// The typed "contents" of a tensor in GRPCInferenceService, to and from Tensor::data.

#include "ports/inference_backend.h"

namespace inference {
class InferTensorContents;
}

namespace barrio::api {

/// Fills `tensor.data` by its type and shape. Errors: invalid (count, range, FP16), with `where` empty.
Result<void> read_tensor_contents(const inference::InferTensorContents& contents, ports::Tensor& tensor);
/// The tensor's size must have been checked. Errors: invalid: FP16 has no typed form.
Result<void> fill_tensor_contents(const ports::Tensor& tensor, inference::InferTensorContents& contents);

}  // namespace barrio::api
