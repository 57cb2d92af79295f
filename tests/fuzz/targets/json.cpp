// JSON text: what is accepted, printed, is accepted again as the same value.

#include "base/json.h"
#include "base/check.h"
#include "target.h"

namespace barrio::fuzz {

void run_target(std::string_view input) {
  const auto value = parse_json(input);
  if (!value) return;
  const std::string printed = print_json(*value);
  const auto again = parse_json(printed);
  CHECK(again.has_value());
  CHECK(print_json(*again) == printed);
  const auto pretty = parse_json(pretty_json(*value));
  CHECK(pretty && print_json(*pretty) == printed);
}

}  // namespace barrio::fuzz
