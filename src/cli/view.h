#pragma once
// Reading fields out of API answers, where a missing one is shown as empty: a newer control may say less or more.

#include <string>

#include "base/json.h"

namespace barrio::cli {

/// The member at "power.budget"; null if there is none.
const Json& member(const Json& value, std::string_view path);
/// As a person reads it: text without quotes, numbers, "" for nothing.
std::string text_at(const Json& value, std::string_view path);
bool true_at(const Json& value, std::string_view path);
/// The items of the list at `path`; none if it is not a list.
const JsonArray& items(const Json& value, std::string_view path);

}  // namespace barrio::cli
