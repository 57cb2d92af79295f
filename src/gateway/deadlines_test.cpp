#include "gateway/deadlines.h"

#include <doctest/doctest.h>

namespace barrio::gateway::deadlines_test {
namespace {

std::optional<Duration> asked(std::vector<net::Header> headers) {
  const auto timeout = asked_timeout(headers);
  REQUIRE(timeout);
  return *timeout;
}

TEST_CASE("a client's timeout is the shorter of what it says; a malformed one is told by its header's name") {
  CHECK(!asked({{"Accept", "x"}}));
  CHECK(asked({{"barrio-timeout-ms", "12.5"}}) == 12500us);
  CHECK(asked({{"Barrio-Timeout-Ms", "300"}, {"grpc-timeout", "200m"}}) == 200ms);
  CHECK(asked({{"Barrio-Timeout-Ms", "1e18"}}) == 24h);
  CHECK(asked({{"Barrio-Deadline-Ms", "80"}, {"grpc-timeout", "200m"}}) == 80ms);
  CHECK(asked({{"Barrio-Deadline-Ms", "80"}, {"Barrio-Timeout-Ms", "300"}}) == 300ms);
  for (const char* name : {"Barrio-Timeout-Ms", "Barrio-Deadline-Ms"}) {
    for (const std::string_view bad : {"", "-1", "soon", "nan", "inf", "1 ", "1,2"}) {
      const net::Header header{name, bad};
      const auto timeout = asked_timeout({&header, 1});
      REQUIRE_MESSAGE(!timeout, bad);
      CHECK(timeout.error().where == name);
    }
  }
}

}  // namespace
}  // namespace barrio::gateway::deadlines_test
