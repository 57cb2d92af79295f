#pragma once
// gRPC over HTTP/2 (grpc.io, PROTOCOL-HTTP2): how a call ends and by when it must.

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace barrio::api {

/// grpc.io, "Status codes and their use in gRPC".
enum class GrpcStatus {
  ok = 0,
  cancelled = 1,
  unknown = 2,
  invalid_argument = 3,
  deadline_exceeded = 4,
  not_found = 5,
  already_exists = 6,
  permission_denied = 7,
  resource_exhausted = 8,
  failed_precondition = 9,
  unimplemented = 12,
  internal = 13,
  unavailable = 14,
  unauthenticated = 16
};

GrpcStatus grpc_status_of(Code code);
/// What an HTTP status of ours means to a gRPC client.
GrpcStatus grpc_status_of_http(int status);
/// As it stands in grpc-status.
std::string_view grpc_status_text(GrpcStatus status);

/// grpc-message: percent-encoded, all but printable ASCII, and the percent sign.
std::string grpc_message(std::string_view text);

inline constexpr std::string_view grpc_timeout_header = "grpc-timeout";
/// "100m": 1 to 8 digits and a unit of H M S m u n; more than 24 h is 24 h. Errors: invalid.
Result<Duration> parse_grpc_timeout(std::string_view text);
/// In the finest unit that has room for it, rounded down.
std::string grpc_timeout(Duration left);

/// A content type of gRPC's: "application/grpc", "application/grpc+proto". In any case of letters.
bool is_grpc_type(std::string_view content_type);

}  // namespace barrio::api
