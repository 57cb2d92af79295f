#include "control/json_difference.h"

#include <algorithm>

namespace barrio::control {

namespace {

constexpr size_t most_bytes = 2000;

std::string text_of(const Json& value) {
  if (value.is_null()) return "none";
  return value.is_string() ? std::string(value.get_string()) : print_json(value);
}

std::string name_of(const Json& entry, size_t index) {
  const Json* name = entry.is_object() ? entry.get_object().if_contains("name") : nullptr;
  return name != nullptr && name->is_string() ? " " + std::string(name->get_string())
                                              : "[" + std::to_string(index) + "]";
}

/// One line at a time; as deep as the documents are, which are described structs.
void note(const Json& from, const Json& to, const std::string& at, std::string& words) {
  if (from == to || words.size() > most_bytes) return;
  if (from.is_object() && to.is_object()) {
    const auto go_on = [&](const JsonObject& keys, bool all) {
      for (const auto& [key, _] : keys) {
        const Json* before = from.get_object().if_contains(key);
        const Json* after = to.get_object().if_contains(key);
        if (!all && after != nullptr) continue;
        note(before == nullptr ? Json() : *before, after == nullptr ? Json() : *after,
             (at.empty() ? "" : at + ".") + std::string(key), words);
      }
    };
    go_on(to.get_object(), true);
    go_on(from.get_object(), false);  // what is not there any more
    return;
  }
  if (from.is_array() && to.is_array() && from.get_array().size() == to.get_array().size()) {
    for (size_t i = 0; i < to.get_array().size(); ++i)
      note(from.get_array()[i], to.get_array()[i], at + name_of(to.get_array()[i], i), words);
    return;
  }
  words += (words.empty() ? "" : ", ") + at + " " + text_of(from) + " -> " + text_of(to);
}

}  // namespace

std::string difference(const Json& from, const Json& to) {
  std::string words;
  note(from, to, "", words);
  if (words.size() > most_bytes) words = words.substr(0, most_bytes) + " ...";
  return words;
}

}  // namespace barrio::control
