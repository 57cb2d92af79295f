#pragma once
// Looking into others' JSON, of which a part is enough: what is missing, or of another kind, reads as nothing.

#include <map>
#include <string>
#include <string_view>

#include "base/json.h"

namespace barrio::json_read {

/// The member of an object; null where there is none.
const Json& at(const Json& value, std::string_view name);
/// The same, member after member.
template <class... Names>
const Json& at(const Json& value, std::string_view name, std::string_view next, Names... more) {
  return at(at(value, name), next, more...);
}
std::string text_of(const Json& value);
int64_t number_of(const Json& value);
bool is_true(const Json& value);
const JsonArray& list_of(const Json& value);
std::map<std::string, std::string> texts_of(const Json& value);

}  // namespace barrio::json_read
