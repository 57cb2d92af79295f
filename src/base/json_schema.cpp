#include "base/json_schema.h"

#include <boost/core/demangle.hpp>

namespace barrio {

namespace {

/// barrio::api::UsageQuery::By is UsageQuery.By: what is in which namespace of ours is nobody's business.
std::string name_of(const std::type_info& type) {
  std::string name = boost::core::demangle(type.name());
  for (const std::string_view ours : {"barrio::", "api::", "control::", "decide::", "ports::"}) {
    if (name.starts_with(ours)) name.erase(0, ours.size());
  }
  for (size_t at = name.find("::"); at != std::string::npos; at = name.find("::", at)) name.replace(at, 2, ".");
  return name;
}

}  // namespace

JsonObject json_detail::schema_of(std::string_view type, std::string_view key, Json value) {
  JsonObject schema;
  schema["type"] = type;
  if (!key.empty()) schema[key] = std::move(value);
  return schema;
}

JsonArray json_detail::names_of(std::span<const Enumerator> all) {
  JsonArray names;
  for (const Enumerator& one : all) names.emplace_back(one.name);
  return names;
}

Json JsonSchemas::of_struct(const std::type_info& type, std::span<const Property> properties) {
  const std::string name = name_of(type);
  if (!named_.contains(name)) {
    named_[name] = nullptr;  // a struct may hold itself
    JsonObject described;
    JsonArray required;
    for (const Property& property : properties) {
      described[property.name] = property.schema(*this);
      if (property.required) required.emplace_back(property.name);
    }
    JsonObject schema = json_detail::schema_of("object", "properties", std::move(described));
    schema["additionalProperties"] = false;
    if (!required.empty()) schema["required"] = std::move(required);
    named_[name] = std::move(schema);
  }
  return JsonObject{{"$ref", "#/components/schemas/" + name}};
}

}  // namespace barrio
