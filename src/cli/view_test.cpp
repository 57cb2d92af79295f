#include "cli/view.h"

#include <doctest/doctest.h>

namespace barrio::view_test {

TEST_CASE("fields are shown as a person reads them") {
  const auto value =
      parse_json(R"({"percentile": 99.0, "half": 0.5, "count": 3, "name": "a", "data": [1.5, 2.0, 1e-7]})");
  REQUIRE(value);
  CHECK(cli::text_at(*value, "percentile") == "99");
  CHECK(cli::text_at(*value, "half") == "0.5");
  CHECK(cli::text_at(*value, "count") == "3");
  CHECK(cli::text_at(*value, "name") == "a");
  CHECK(cli::text_at(*value, "data") == "[1.5,2,1e-07]");
  CHECK(cli::text_at(*value, "none") == "");
}

}  // namespace barrio::view_test
