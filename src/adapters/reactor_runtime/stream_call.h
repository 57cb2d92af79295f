#pragma once
// One HTTP call in a fiber whose answer is taken in pieces as they come: for answers that have no end of their own.

#include <functional>
#include <string_view>

#include "net/client.h"
#include "ports/runtime.h"

namespace barrio::adapters {

/// Parks the calling fiber until the answer has ended, or `deadline` is over (timed_out). `take` gets the status and
/// the pieces of the body, on the reactor between fibers: it must not park. False ends the call (cancelled), as does
/// the runtime when it begins to stop. The response has status and headers, no body.
Result<net::Response> stream(ports::Runtime& runtime, net::Client& client, const net::Endpoint& endpoint,
                             net::Request request, Time deadline,
                             std::function<bool(int status, std::string_view piece)> take);

}  // namespace barrio::adapters
