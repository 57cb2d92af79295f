#pragma once

#include <string>
#include <string_view>

namespace barrio::control {

/// A place's name as people may type it: lower case, without accents, spaces and punctuation ("A Coruña" -> "acoruna").
/// Letters beyond Latin-1 are kept as they are.
std::string folded_place(std::string_view name);

}  // namespace barrio::control
