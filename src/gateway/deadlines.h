#pragma once
// The time that a client gives a request, and the time that is left of it for the next hop.

#include <optional>
#include <span>

#include "api/grpc/status.h"
#include "base/result.h"
#include "base/time.h"
#include "net/http.h"

namespace barrio::gateway {

inline constexpr std::string_view timeout_header = "Barrio-Timeout-Ms";
inline constexpr std::string_view deadline_header = "Barrio-Deadline-Ms";
using api::grpc_timeout_header;

/// What the client gives by Barrio-Timeout-Ms, or else Barrio-Deadline-Ms, as replicas have it (decimal milliseconds),
/// and by grpc-timeout; the shorter one where both are. None: it says nothing. Errors: invalid, with the header's name.
Result<std::optional<Duration>> asked_timeout(std::span<const net::Header> headers);
bool is_grpc(std::span<const net::Header> headers);

}  // namespace barrio::gateway
