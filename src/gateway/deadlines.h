#pragma once
// The time that a client gives a request, and the time that is left of it for the next hop.

#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "net/http.h"

namespace barrio::gateway {

inline constexpr std::string_view timeout_header = "Barrio-Timeout-Ms";
inline constexpr std::string_view grpc_timeout_header = "grpc-timeout";

/// "100m": 1 to 8 digits and a unit of H M S m u n (gRPC over HTTP/2, "Requests"). Errors: invalid.
Result<Duration> parse_grpc_timeout(std::string_view text);
/// In the finest unit that has room for it, rounded down.
std::string grpc_timeout(Duration left);
/// What the client gives by Barrio-Timeout-Ms (decimal milliseconds) and grpc-timeout; the shorter one where both are.
/// None: it says nothing. Errors: invalid, with the header's name.
Result<std::optional<Duration>> asked_timeout(std::span<const net::Header> headers);
bool is_grpc(std::span<const net::Header> headers);

}  // namespace barrio::gateway
