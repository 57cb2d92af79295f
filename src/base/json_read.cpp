#include "base/json_read.h"

namespace barrio::json_read {

const Json& at(const Json& value, std::string_view name) {
  static const Json nothing;
  const auto* object = value.if_object();
  const Json* found = object == nullptr ? nullptr : object->if_contains(name);
  return found == nullptr ? nothing : *found;
}

std::string text_of(const Json& value) {
  return value.is_string() ? std::string(value.get_string()) : std::string();
}

int64_t number_of(const Json& value) {
  return value.is_int64() ? value.get_int64() : 0;
}

bool is_true(const Json& value) {
  return value.is_bool() && value.get_bool();
}

const JsonArray& list_of(const Json& value) {
  static const JsonArray none;
  const auto* array = value.if_array();
  return array == nullptr ? none : *array;
}

std::map<std::string, std::string> texts_of(const Json& value) {
  std::map<std::string, std::string> texts;
  if (const auto* object = value.if_object()) {
    for (const auto& [key, text] : *object) texts[key] = text_of(text);
  }
  return texts;
}

}  // namespace barrio::json_read
