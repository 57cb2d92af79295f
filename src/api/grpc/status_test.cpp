#include "api/grpc/status.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

namespace barrio::api::status_test {
namespace {

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

TEST_CASE("a message is printable ASCII on the wire, whatever it says") {
  CHECK(grpc_message("plain text, with spaces") == "plain text, with spaces");
  CHECK(grpc_message("100 %") == "100 %25");
  CHECK(grpc_message(" serves a, not ") == "%20serves a, not%20");
  CHECK(grpc_message(" ") == "%20");
  CHECK(grpc_message("a\nb\xc3\xb1") == "a%0Ab%C3%B1");
}

TEST_CASE("a content type is gRPC's by its beginning, in any case") {
  CHECK(is_grpc_type("application/grpc"));
  CHECK(is_grpc_type("Application/gRPC+proto"));
  CHECK_FALSE(is_grpc_type("application/json"));
  CHECK_FALSE(is_grpc_type("application/gr"));
}

TEST_CASE("every code of ours has a status") {
  CHECK(grpc_status_of(Code::invalid) == GrpcStatus::invalid_argument);
  CHECK(grpc_status_of(Code::timed_out) == GrpcStatus::deadline_exceeded);
  CHECK(grpc_status_of_http(429) == GrpcStatus::resource_exhausted);
  CHECK(grpc_status_of_http(418) == GrpcStatus::unknown);
  CHECK(grpc_status_text(GrpcStatus::unauthenticated) == "16");
}

}  // namespace
}  // namespace barrio::api::status_test
