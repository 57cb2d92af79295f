#pragma once
// What a gateway notes of its requests: trace context passed on, and at the end one record for the access log and for
// traces, if the request is to be seen. Lives on the gateway's loop; costs a request that is not seen a few branches.

#include <memory>

#include "base/rng.h"
#include "gateway/request_record.h"
#include "gateway/telemetry.h"
#include "net/server.h"

namespace barrio::gateway {

/// Grows with time, is used up by one a request: a rate with a burst of one second of it.
class RateLimit {
 public:
  explicit RateLimit(int per_second) : per_second_(per_second), left_(per_second) {}
  bool take(Time now);

 private:
  double per_second_;
  double left_;
  Time last_{};
};

/// Kept in the request while it is open.
struct Sight {
  bool traced = false;
  IncomingTrace incoming{};
  TraceId trace{};
  SpanId span{};
  SpanId sent_span{};
  std::array<char, traceparent_size> parent_text{};
  Time sent{};
  bool has_sent = false;
  bool retried = false;
  bool ended = false;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  Duration network = RequestRecord::unknown;
  Duration own = RequestRecord::unknown;
  Duration queue = RequestRecord::unknown;
  Duration compute = RequestRecord::unknown;
};

struct Ending {
  int status = 0;  // 0: nobody was answered
  std::string_view reason = {};
  std::string_view tenant = {};
  std::string_view app = {};
  std::string_view served_by = {};
  std::string_view place = {};
  bool forwarded = false;
  bool to_gateway = false;
  bool late = false;
};

struct ObserverConfig {
  SiteId site;
  std::optional<AccessLogConfig> access_log;
  std::optional<TracingConfig> tracing;
  uint64_t seed = 1;
};

class Observer {
 public:
  Observer(const ObserverConfig& config, Registry& registry);

  Sight begin(const net::RequestHead& head, Time now);
  /// Into the fields of what is about to be sent on: this hop's traceparent, or the one that came where this gateway
  /// does not trace. The views in `headers` stay valid as long as `sight` stays where it is.
  void pass_on(Sight& sight, std::vector<net::Header>& headers, Time now);
  /// Once per request; a second call does nothing.
  void end(Sight& sight, const net::Exchange& exchange, const Ending& ending, Time now);

 private:
  bool to_be_logged(const Ending& ending, Time now);

  Rng rng_;
  double log_sample_ = 0;
  double trace_sample_ = 0;
  bool logs_ = false;
  bool traces_ = false;
  bool device_address_ = false;
  RateLimit errors_;
  RateLimit traced_;
  Counter& suppressed_;
  std::unique_ptr<Telemetry> telemetry_;  // null: nothing is to be seen
};

}  // namespace barrio::gateway
