#pragma once
// Ships traced requests to an OpenTelemetry collector: OTLP/HTTP with JSON, in batches, one call at a time. Answers
// that ask to come again (429, 502, 503, 504) and lost connections are tried again with growing pauses; everything is
// bounded, and what does not fit or cannot be delivered is counted as dropped. Lives on a SideLoop's reactor.

#include <vector>

#include "base/metrics.h"
#include "gateway/request_record.h"
#include "gateway/telemetry_config.h"
#include "model/ids.h"
#include "net/client.h"

namespace barrio::gateway {

class SpanExporter {
 public:
  static constexpr size_t most_waiting = 2048;
  static constexpr size_t most_in_batch = 256;
  static constexpr int most_attempts = 5;
  static constexpr Duration period = 1s;
  static constexpr Duration patience = 5s;  // for one answer
  static constexpr Duration longest_pause = 30s;

  /// `config` has been checked.
  SpanExporter(net::Reactor& reactor, const TracingConfig& config, SiteId site, Registry& registry);
  ~SpanExporter();
  SpanExporter(const SpanExporter&) = delete;
  SpanExporter& operator=(const SpanExporter&) = delete;

  void add(const RequestRecord& record);
  /// Tries to deliver what waits, turning the reactor (which must not run) for at most `most`.
  void finish(Duration most);

 private:
  void tick();
  void send();
  void answered(const Result<net::Response>& answer);
  void again(const Result<net::Response>& answer);
  void done();

  net::Reactor& reactor_;
  const CollectorUrl collector_;
  const SiteId site_;
  net::Client client_;
  Counter& exported_;
  Counter& dropped_;
  std::vector<RequestRecord> waiting_;
  std::vector<RequestRecord> batch_;  // being delivered
  int attempts_ = 0;                  // of this batch
  bool in_flight_ = false;
  bool complained_ = false;
  Time not_before_{};
  net::TimerId timer_ = 0;
};

}  // namespace barrio::gateway
