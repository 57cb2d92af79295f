#include "cli/view.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace barrio::cli {

namespace {

/// 99, where JSON says 99.0.
std::string number_text(const Json& value) {
  return value.is_double() ? fmt::format("{}", value.get_double()) : print_json(value);
}

}  // namespace

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
  if (found.is_string()) return std::string(found.get_string());
  if (const auto* list = found.if_array(); list != nullptr && std::ranges::any_of(*list, &Json::is_double)) {
    std::vector<std::string> texts;
    for (const Json& item : *list) texts.push_back(number_text(item));
    return "[" + join_text(texts, ",") + "]";
  }
  return number_text(found);
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
