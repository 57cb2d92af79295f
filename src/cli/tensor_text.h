#pragma once
// Tensors as they are typed: "x=1,2,3:FP32[1,3]".

#include <string>

#include "base/json.h"

namespace barrio::cli {

/// An input object of an Open Inference Protocol request, with its data as JSON. Without ":TYPE[shape]" it is FP32 of
/// shape [1,n]. Errors: invalid, saying what is wrong with the text.
Result<Json> parse_tensor_text(const std::string& text);

}  // namespace barrio::cli
