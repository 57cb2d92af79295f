#pragma once
// What ONNX Runtime says of a model or an input, for those who brought it: without the places in its source, its
// functions and its checks, which are nobody's who cannot mend them. Pure.

#include <string>
#include <string_view>

namespace barrio::adapters::ort {

/// Never empty.
std::string plain_words(std::string_view said);

}  // namespace barrio::adapters::ort
