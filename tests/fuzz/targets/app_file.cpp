// The app file: YAML of a stranger becomes a checked value or an error with file and line; a value, printed as JSON, is
// read back.

#include "base/check.h"
#include "base/yaml.h"
#include "model/app.h"
#include "same_json.h"
#include "target.h"

namespace barrio::fuzz {

void run_target(std::string_view input) {
  const auto value = from_yaml<AppSpec>(input, "file.yaml");
  if (!value) {
    CHECK(value.error().code == Code::invalid);
    CHECK(value.error().where.starts_with("file.yaml"));
    return;
  }
  const std::string printed = print_json(to_json(*value));
  const auto json = parse_json(printed);
  CHECK(json.has_value());
  const auto again = from_json<AppSpec>(*json);
  CHECK(again.has_value());
  CHECK(same_json(to_json(*again), to_json(*value)));
}

}  // namespace barrio::fuzz
