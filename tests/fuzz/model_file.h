#pragma once
// What holds for every file of the model: YAML of a stranger becomes a checked value or an error with file and line; a
// value, printed as JSON, is read back.

#include "base/check.h"
#include "base/yaml.h"
#include "same_json.h"

namespace barrio::fuzz {

template <class T>
void read_model_file(std::string_view input) {
  const auto value = from_yaml<T>(input, "file.yaml");
  if (!value) {
    CHECK(value.error().code == Code::invalid);
    CHECK(value.error().where.starts_with("file.yaml"));
    return;
  }
  const auto json = parse_json(print_json(to_json(*value)));
  CHECK(json.has_value());
  const auto again = from_json<T>(*json);
  CHECK(again.has_value());
  CHECK(same_json(to_json(*again), to_json(*value)));
}

}  // namespace barrio::fuzz
