#include "gateway/deadlines.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

namespace barrio::gateway {
namespace {

std::optional<Duration> asked(std::vector<net::Header> headers) {
  const auto timeout = asked_timeout(headers);
  REQUIRE(timeout);
  return *timeout;
}

TEST_CASE("all units of grpc-timeout are read, and nothing else") {
  CHECK(*parse_grpc_timeout("1H") == 1h);
  CHECK(*parse_grpc_timeout("2M") == 2min);
  CHECK(*parse_grpc_timeout("3S") == 3s);
  CHECK(*parse_grpc_timeout("250m") == 250ms);
  CHECK(*parse_grpc_timeout("00000007u") == 7us);
  CHECK(*parse_grpc_timeout("99999999n") == 99'999'999ns);
  CHECK(*parse_grpc_timeout("99999999H") == 24h);
  CHECK(*parse_grpc_timeout("0S") == 0s);
  for (const std::string_view bad :
       {"", "5", "m", "123456789m", "5s", "5h", "-1S", "+1S", " 1S", "1 S", "1.5S", "1Sm", "0x1S"}) {
    CHECK_MESSAGE(!parse_grpc_timeout(bad), bad);
  }
}

TEST_CASE("for all times: what is written is read as the same within the unit, never as more") {
  CHECK(rc::check([] {
    const Duration left(*rc::gen::inRange<int64_t>(0, Duration(2h).count()));
    const auto read = parse_grpc_timeout(grpc_timeout(left));
    RC_ASSERT(read.has_value());
    RC_ASSERT(*read <= left);
    RC_ASSERT(left - *read < std::max(Duration(1us), left / 50'000));
  }));
  CHECK(grpc_timeout(-1s) == "0n");
}

TEST_CASE("a client's timeout is the shorter of what it says; a malformed one is told by its header's name") {
  CHECK(!asked({{"Accept", "x"}}));
  CHECK(asked({{"barrio-timeout-ms", "12.5"}}) == 12500us);
  CHECK(asked({{"Barrio-Timeout-Ms", "300"}, {"grpc-timeout", "200m"}}) == 200ms);
  CHECK(asked({{"Barrio-Timeout-Ms", "1e18"}}) == 24h);
  for (const std::string_view bad : {"", "-1", "soon", "nan", "inf", "1 ", "1,2"}) {
    const net::Header header{"Barrio-Timeout-Ms", bad};
    const auto timeout = asked_timeout({&header, 1});
    REQUIRE_MESSAGE(!timeout, bad);
    CHECK(timeout.error().where == "Barrio-Timeout-Ms");
  }
}

}  // namespace
}  // namespace barrio::gateway
