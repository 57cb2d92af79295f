#include "base/http_time.h"

#include <doctest/doctest.h>

namespace barrio::http_time_test {

TEST_CASE("times of HTTP: written, and read again to the second; nothing else is taken") {
  const WallTime time = *parse_wall_time("2026-11-24T10:00:00.500Z");
  CHECK(http_time(time) == "Tue, 24 Nov 2026 10:00:00 GMT");
  CHECK(parse_http_time(http_time(time)) == std::chrono::floor<std::chrono::seconds>(time));
  CHECK(http_time(*parse_http_time("Sun, 06 Nov 1994 08:49:37 GMT")) == "Sun, 06 Nov 1994 08:49:37 GMT");
  for (const char* bad :
       {"", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 06 Nnv 1994 08:49:37 GMT"}) {
    CHECK(!parse_http_time(bad));
  }
}

}  // namespace barrio::http_time_test
