#pragma once
// JSON Schema (draft 2020-12) of what base/json.h reads and prints, made from the same descriptions, so that a
// published document cannot say anything else than the code does.

#include <span>
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
  struct Property {
    std::string_view name;
    bool required = false;
    Json (*schema)(JsonSchemas& schemas) = nullptr;
  };
  template <class T, class Described>
  static constexpr Property property_of();
  template <class T, template <class...> class List, class... Described>
  static constexpr std::array<Property, sizeof...(Described)> properties_in(List<Described...>) {
    return {property_of<T, Described>()...};
  }
  template <class T>
  Json of_text();
  Json of_struct(const std::type_info& type, std::span<const Property> properties);
  JsonObject named_;
};

namespace json_detail {

/// {"type": type, key: value}; without a key, of the type alone.
JsonObject schema_of(std::string_view type, std::string_view key = {}, Json value = {});
JsonArray names_of(std::span<const Enumerator> all);

}  // namespace json_detail

template <class T>
Json JsonSchemas::of_text() {
  using json_detail::schema_of;
  if constexpr (std::same_as<T, Duration>) {
    return schema_of("string", "examples", JsonArray{"250ms", "30s"});
  } else if constexpr (std::same_as<T, Bytes>) {
    return schema_of("string", "examples", JsonArray{"512MiB", "40GB"});
  } else if constexpr (std::same_as<T, Watts>) {
    return schema_of("string", "examples", JsonArray{"75W", "12kW"});
  } else if constexpr (std::same_as<T, WallTime>) {
    return schema_of("string", "format", "date-time");
  } else if constexpr (json_detail::DescribedEnum<T>) {
    return schema_of("string", "enum", json_detail::names_of(json_detail::enumerators_of<T>));
  } else {
    return schema_of("string");
  }
}

template <class T, class Described>
constexpr JsonSchemas::Property JsonSchemas::property_of() {
  using Field = std::decay_t<decltype(std::declval<T&>().*Described::pointer)>;
  return {Described::name, !json_detail::member_of<T, Described>().skippable, [](JsonSchemas& schemas) {
            if constexpr (json_detail::IsOptional<Field>::value) {
              return schemas.of<typename Field::value_type>();
            } else {
              return schemas.of<Field>();
            }
          }};
}

template <class T>
Json JsonSchemas::of() {
  using namespace json_detail;
  if constexpr (std::same_as<T, Json>) {
    return JsonObject{};
  } else if constexpr (std::same_as<T, bool>) {
    return schema_of("boolean");
  } else if constexpr (std::unsigned_integral<T>) {
    return schema_of("integer", "minimum", 0);
  } else if constexpr (std::integral<T>) {
    return schema_of("integer");
  } else if constexpr (std::floating_point<T>) {
    return schema_of("number");
  } else if constexpr (std::same_as<T, std::string> || std::same_as<T, Duration> || std::same_as<T, Bytes> ||
                       std::same_as<T, Watts> || std::same_as<T, WallTime> || Textual<T> || DescribedEnum<T>) {
    return of_text<T>();
  } else if constexpr (IsVector<T>::value) {
    return schema_of("array", "items", of<typename T::value_type>());
  } else if constexpr (IsMap<T>::value) {
    return schema_of("object", "additionalProperties", of<typename T::mapped_type>());
  } else {
    static constexpr auto properties =
        properties_in<T>(boost::describe::describe_members<T, boost::describe::mod_any_access>());
    return of_struct(typeid(T), properties);
  }
}

}  // namespace barrio
