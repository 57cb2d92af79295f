#include "gateway/connection_metrics.h"

namespace barrio::gateway {

namespace {

/// In the order of net::ConnectionLimit.
constexpr std::array<const char*, net::connection_limits> limit_names = {
    "malformed",      "head",       "body",        "head_time", "body_time", "write_time", "idle",
    "handshake_time", "handshakes", "connections", "streams",   "resets",    "idle_frames"};
static_assert(limit_names.back() != nullptr, "one for each");

}  // namespace

ConnectionMetrics::ConnectionMetrics(Registry& registry, const SiteId& site)
    : handshakes_(registry.gauge("barrio_gateway_tls_handshakes", "TLS handshakes of clients that are not over",
                                 {{"site", site.str()}})) {
  for (size_t i = 0; i < limit_names.size(); ++i) {
    counters_[i] = &registry.counter("barrio_gateway_limited_total", "Requests that met a limit",
                                     {{"site", site.str()}, {"limit", std::string("connection_") + limit_names[i]}});
  }
}

void ConnectionMetrics::tell(const net::Server& server) {
  const net::ConnectionLimitCounts& met = server.limits_met();
  for (size_t i = 0; i < met.size(); ++i) counters_[i]->add(met[i] - told_[i]);
  told_ = met;
  handshakes_.set(static_cast<double>(server.handshakes()));
}

}  // namespace barrio::gateway
