#include "adapters/etcd/etcd_json.h"

#include <charconv>

#include "base/base64.h"
#include "base/text.h"

namespace barrio::adapters::etcd {

tl::unexpected<Error> nonsense(const std::string& what) {
  return fail(Code::unavailable, "the answer makes no sense: " + what, "etcd");
}

Result<int64_t> number_at(const JsonObject& object, std::string_view name) {
  const Json* found = object.if_contains(name);
  if (found == nullptr) return int64_t{0};
  if (found->is_int64()) return found->get_int64();
  if (found->is_string()) {
    const std::string_view text = found->get_string();
    int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && end == text.data() + text.size()) return number;
  }
  return nonsense("'" + std::string(name) + "' is no number");
}

bool true_at(const JsonObject& object, std::string_view name) {
  const Json* found = object.if_contains(name);
  return found != nullptr && found->is_bool() && found->get_bool();
}

const JsonObject* object_at(const JsonObject& object, std::string_view name) {
  const Json* found = object.if_contains(name);
  return found == nullptr ? nullptr : found->if_object();
}

Result<JsonArray> list_at(const JsonObject& object, std::string_view name) {
  const Json* found = object.if_contains(name);
  if (found == nullptr) return JsonArray();
  if (!found->is_array()) return nonsense("'" + std::string(name) + "' is no list");
  return found->get_array();
}

Result<ports::Revision> revision_of(const JsonObject& answer) {
  const JsonObject* header = object_at(answer, "header");
  if (header == nullptr) return nonsense("it has no header");
  TRY(const int64_t revision, number_at(*header, "revision"));
  if (revision <= 0) return nonsense("its revision is " + std::to_string(revision));
  return revision;
}

Result<KeyValue> key_value(const Json& item, const std::string& prefix) {
  if (!item.is_object()) return nonsense("an entry is no object");
  const JsonObject& object = item.get_object();
  const auto bytes = [&](std::string_view name) -> std::optional<std::string> {
    const Json* found = object.if_contains(name);
    if (found == nullptr) return std::string();
    return found->is_string() ? from_base64(found->get_string()) : std::nullopt;
  };
  auto key = bytes("key");
  auto value = bytes("value");
  if (!key || !value) return nonsense("a key or a value is not in base64");
  if (!key->starts_with(prefix)) return nonsense("a key is not under '" + prefix + "'");
  TRY(const int64_t revision, number_at(object, "mod_revision"));
  TRY(const int64_t lease, number_at(object, "lease"));
  if (revision <= 0) return nonsense("an entry has no revision");
  return KeyValue{{key->substr(prefix.size()), std::move(*value), revision}, lease};
}

}  // namespace barrio::adapters::etcd
