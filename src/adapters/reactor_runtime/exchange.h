#pragma once
// One HTTP call with whole messages in a fiber, which also tells whether a call that failed was sent: who must not ask
// twice needs to know.

#include "net/client.h"
#include "ports/runtime.h"

namespace barrio::adapters {

/// Parks the calling fiber until the answer is there or `deadline` is over. An answer longer than `most` is refused
/// (exhausted). Cancelled, as if sent: the runtime begins to stop meanwhile.
tl::expected<net::Response, net::CallError> exchange(ports::Runtime& runtime, net::Client& client,
                                                     const net::Endpoint& endpoint, net::Request request, Time deadline,
                                                     size_t most = 16 * 1024 * 1024);

}  // namespace barrio::adapters
