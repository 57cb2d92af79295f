#pragma once
// JSON Schema (draft 2020-12) of what base/json.h reads and prints, made from the same descriptions, so that a
// published document cannot say anything else than the code does.

#include <boost/core/demangle.hpp>
#include <typeinfo>
#include <utility>

#include "base/json.h"

namespace barrio {

class JsonSchemas {
 public:
  /// A described struct is kept once, under its name, and referred to; everything else is written out. A field must be
  /// there if from_json wants it, so an answer has it too.
  template <class T>
  Json of();
  /// The structs that were met, by name: a document's components.schemas.
  JsonObject named() const { return named_; }

 private:
  template <class T>
  Json of_text();
  template <class T>
  void describe(const std::string& name);
  /// barrio::api::UsageQuery::By is UsageQuery.By: what is in which namespace of ours is nobody's business.
  static std::string name_of(const std::type_info& type);
  JsonObject named_;
};

template <class T>
Json JsonSchemas::of_text() {
  JsonObject schema{{"type", "string"}};
  if constexpr (std::same_as<T, Duration>) {
    schema["examples"] = JsonArray{"250ms", "30s"};
  } else if constexpr (std::same_as<T, Bytes>) {
    schema["examples"] = JsonArray{"512MiB", "40GB"};
  } else if constexpr (std::same_as<T, Watts>) {
    schema["examples"] = JsonArray{"75W", "12kW"};
  } else if constexpr (std::same_as<T, WallTime>) {
    schema["format"] = "date-time";
  } else if constexpr (json_detail::DescribedEnum<T>) {
    JsonArray names;
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto e) { names.emplace_back(e.name); });
    schema["enum"] = std::move(names);
  }
  return schema;
}

template <class T>
void JsonSchemas::describe(const std::string& name) {
  named_[name] = nullptr;  // a struct may hold itself
  JsonObject properties;
  JsonArray required;
  boost::mp11::mp_for_each<boost::describe::describe_members<T, boost::describe::mod_any_access>>([&](auto member) {
    using namespace json_detail;
    using Field = std::decay_t<decltype(std::declval<T>().*member.pointer)>;
    if constexpr (IsOptional<Field>::value) {
      properties[member.name] = of<typename Field::value_type>();
    } else {
      properties[member.name] = of<Field>();
    }
    constexpr bool skippable = IsOptional<Field>::value || IsVector<Field>::value || IsMap<Field>::value;
    if (!skippable && !may_be_missing<T>(member.name)) required.emplace_back(member.name);
  });
  JsonObject schema{{"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
  if (!required.empty()) schema["required"] = std::move(required);
  named_[name] = std::move(schema);
}

template <class T>
Json JsonSchemas::of() {
  using namespace json_detail;
  if constexpr (std::same_as<T, Json>) {
    return JsonObject{};
  } else if constexpr (std::same_as<T, bool>) {
    return JsonObject{{"type", "boolean"}};
  } else if constexpr (std::unsigned_integral<T>) {
    return JsonObject{{"type", "integer"}, {"minimum", 0}};
  } else if constexpr (std::integral<T>) {
    return JsonObject{{"type", "integer"}};
  } else if constexpr (std::floating_point<T>) {
    return JsonObject{{"type", "number"}};
  } else if constexpr (std::same_as<T, std::string> || std::same_as<T, Duration> || std::same_as<T, Bytes> ||
                       std::same_as<T, Watts> || std::same_as<T, WallTime> || Textual<T> || DescribedEnum<T>) {
    return of_text<T>();
  } else if constexpr (IsVector<T>::value) {
    return JsonObject{{"type", "array"}, {"items", of<typename T::value_type>()}};
  } else if constexpr (IsMap<T>::value) {
    return JsonObject{{"type", "object"}, {"additionalProperties", of<typename T::mapped_type>()}};
  } else {
    const std::string name = name_of(typeid(T));
    if (!named_.contains(name)) describe<T>(name);
    return JsonObject{{"$ref", "#/components/schemas/" + name}};
  }
}

inline std::string JsonSchemas::name_of(const std::type_info& type) {
  std::string name = boost::core::demangle(type.name());
  for (const std::string_view ours : {"barrio::", "api::", "control::", "decide::", "ports::"}) {
    if (name.starts_with(ours)) name.erase(0, ours.size());
  }
  for (size_t at = name.find("::"); at != std::string::npos; at = name.find("::", at)) name.replace(at, 2, ".");
  return name;
}

}  // namespace barrio
