#include "cli/view.h"

#include "base/text.h"

namespace barrio::cli {

const Json& member(const Json& value, std::string_view path) {
  static const Json nothing(nullptr);
  const Json* at = &value;
  if (path.empty()) return *at;
  for (std::string_view key : split(path, '.')) {
    at = at->is_object() ? at->get_object().if_contains(key) : nullptr;
    if (at == nullptr) return nothing;
  }
  return *at;
}

std::string text_at(const Json& value, std::string_view path) {
  const Json& found = member(value, path);
  if (found.is_null()) return "";
  return found.is_string() ? std::string(found.get_string()) : print_json(found);
}

bool true_at(const Json& value, std::string_view path) {
  const Json& found = member(value, path);
  return found.is_bool() && found.get_bool();
}

const JsonArray& items(const Json& value, std::string_view path) {
  static const JsonArray none;
  const Json& found = member(value, path);
  return found.is_array() ? found.get_array() : none;
}

}  // namespace barrio::cli
