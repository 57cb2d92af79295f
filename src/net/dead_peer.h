#pragma once

#include "base/time.h"

namespace barrio::net {

/// A peer that loses its power or its way ends nothing: of a TCP connection on which nothing is sent, nobody would ever
/// know. So long after its last sign the kernel breaks the connection: asked for one every ten seconds once it has been
/// silent for thirty, and where what was sent is not acknowledged.
inline constexpr Duration dead_after = 60s;

/// For a TCP socket, or one that listens: what it accepts inherits it.
void notice_dead_peer(int fd);

}  // namespace barrio::net
