#pragma once
// W3C Trace Context (Recommendation of 2021-11-23): `traceparent` and `tracestate`, read strictly and written. A pair
// that is not valid is treated as absent, as section 3.2.2.3 and 3.3.1.5 ask. No allocation.

#include <array>
#include <optional>
#include <span>
#include <string_view>

#include "base/rng.h"
#include "net/http.h"

namespace barrio::gateway {

using TraceId = std::array<unsigned char, 16>;
using SpanId = std::array<unsigned char, 8>;

struct TraceContext {
  TraceId trace{};
  SpanId parent{};
  bool sampled = false;
};

/// Version 00, and versions to come by the fields that they share with it. None: not valid, all-zero ids included.
std::optional<TraceContext> parse_traceparent(std::string_view text);

/// At most 32 members of well-formed keys and values, no key twice, and 512 bytes in all (section 3.3.1).
bool valid_tracestate(std::string_view text);

constexpr size_t traceparent_size = 55;
/// Writes "00-TRACE-PARENT-01" into `to` and returns it.
std::string_view write_traceparent(const TraceContext& context, std::span<char, traceparent_size> to);

/// Lower-case hex into `to`, which has twice the size of `bytes`.
void write_hex(std::span<const unsigned char> bytes, char* to);

TraceId new_trace_id(Rng& rng);
SpanId new_span_id(Rng& rng);

/// What a request's fields say of its trace. More than one traceparent is not valid; several tracestate fields count as
/// one (RFC 9110 section 5.3).
struct IncomingTrace {
  std::optional<TraceContext> context;
  bool drop_parent = false;  // a traceparent that is not valid is there
  bool drop_state = false;   // a tracestate that is not valid, or has no valid traceparent, is there
};
IncomingTrace read_trace(std::span<const net::Header> headers);

}  // namespace barrio::gateway
