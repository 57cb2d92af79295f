#pragma once
// How often connections met a limit of theirs (net/connection_limits.h), for Prometheus: among the limits of requests
// (gateway/limits.h), from which their names differ.

#include "base/metrics.h"
#include "model/ids.h"
#include "net/server.h"

namespace barrio::gateway {

class ConnectionMetrics {
 public:
  ConnectionMetrics(Registry& registry, const SiteId& site);
  /// Once a second.
  void tell(const net::Server& server);

 private:
  std::array<Counter*, net::connection_limits> counters_{};
  net::ConnectionLimitCounts told_{};
  Gauge& handshakes_;
};

}  // namespace barrio::gateway
