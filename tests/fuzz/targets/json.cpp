// JSON text: what is accepted, printed, is accepted again as the same value.

#include "base/json.h"
#include "base/check.h"
#include "same_json.h"
#include "target.h"

namespace barrio::fuzz {

void run_target(std::string_view input) {
  const auto value = parse_json(input);
  if (!value) return;
  const std::string printed = print_json(*value);
  const auto again = parse_json(printed);
  CHECK(again.has_value());
  CHECK(same_json(*again, *value));
  const auto pretty = parse_json(pretty_json(*value));
  CHECK(pretty && same_json(*pretty, *value));
}

}  // namespace barrio::fuzz
