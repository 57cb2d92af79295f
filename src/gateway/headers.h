#pragma once
// Which header fields pass through a gateway, and what Server-Timing and Barrio-Load say.

#include <span>
#include <vector>

#include "gateway/dispatcher.h"
#include "net/http.h"

namespace barrio::gateway {

/// Appends the fields of a request that go on to where it is served. Never: hop-by-hop fields (RFC 9110 section 7.6.1,
/// and those that Connection names), framing, grpc-timeout and Barrio-*. Authorization and our API keys go to other
/// gateways, not to replicas.
void pass_request_headers(std::span<const net::Header> from, bool to_gateway, std::vector<net::Header>& to);
/// The same for an answer; Server-Timing and Barrio-* are said anew by this gateway, Barrio-Load only to other
/// gateways.
void pass_answer_headers(std::span<const net::Header> from, bool to_gateway, std::vector<net::Header>& to);

/// What an answer says: `Server-Timing: queue;dur=1.2, compute;dur=30.1` (ms) and `Barrio-Load: waiting=2`.
Timings read_timings(std::span<const net::Header> headers);

/// A duration in ms as it stands in Server-Timing; none: absent, malformed or negative.
std::optional<Duration> timing_of(std::string_view server_timing, std::string_view name);

}  // namespace barrio::gateway
