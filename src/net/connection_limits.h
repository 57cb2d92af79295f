#pragma once
// What the connections of a server met: counted where it happens, so that whoever runs it can show it. Of one loop.

#include <array>
#include <cstddef>
#include <cstdint>

namespace barrio::net {

enum class ConnectionLimit {
  malformed,       // no valid HTTP, broken frames, a TLS handshake that fails
  head,            // its bytes or fields
  body,            // its bytes
  head_time,       // first byte to end of head
  body_time,       // between two pieces of a body
  write_time,      // the client does not take what is sent
  idle,            // without a request, or a tunnel or conversation without a byte
  handshake_time,  // of TLS
  handshakes,      // times that so many were under way that others had to wait
  connections,     // times that so many were open that others had to wait
  streams,         // at a time, of one HTTP/2 connection
  resets,          // of streams, by one client in a second
  idle_frames,     // PING and the like, by one client in a second
};
inline constexpr size_t connection_limits = 13;

/// How often each was met.
using ConnectionLimitCounts = std::array<uint64_t, connection_limits>;

}  // namespace barrio::net
