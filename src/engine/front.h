#pragma once
// One protocol among those on the engine's listener (REST, gRPC, OpenAI): net's ExchangeHandler for the requests it
// takes. A front is told of an exchange from its head to its end, and of no other; Exchange::context is its own.

#include "net/server.h"

namespace barrio::engine {

class Front : public net::ExchangeHandler {
 public:
  virtual ~Front() = default;
  /// Whether requests with this head are this front's: by path and fields only, always the same answer.
  virtual bool takes(const net::RequestHead& head) const = 0;
};

}  // namespace barrio::engine
