// The header fields of gRPC calls: grpc-timeout, the content type, and what a message becomes in a trailer.

#include "api/grpc/status.h"
#include "base/check.h"
#include "target.h"

namespace barrio::fuzz {

void run_target(std::string_view input) {
  const auto timeout = api::parse_grpc_timeout(input);
  if (timeout) {
    CHECK(*timeout >= Duration::zero() && *timeout <= 24h);
    CHECK(input.size() >= 2 && input.size() <= 9);
    const auto again = api::parse_grpc_timeout(api::grpc_timeout(*timeout));
    CHECK(again.has_value() && *again <= *timeout && *timeout - *again <= *timeout / 50'000 + 1us);
  } else {
    CHECK(timeout.error().code == Code::invalid);
  }
  const std::string message = api::grpc_message(input);
  CHECK(message.size() >= input.size() && message.size() <= 3 * input.size());
  for (const char c : message) CHECK(c >= ' ' && c <= '~');
  if (api::is_grpc_type(input)) CHECK(input.size() >= 16);
}

}  // namespace barrio::fuzz
