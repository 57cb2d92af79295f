#pragma once
// Where records go: a thread of its own that writes the access log and ships traces, fed through a bounded ring. Made,
// fed and destroyed on the gateway's loop; what is in the ring when it ends is still written.

#include <optional>

#include "gateway/span_exporter.h"
#include "gateway/telemetry_config.h"
#include "net/record_ring.h"
#include "net/rotating_file.h"
#include "net/side_loop.h"

namespace barrio::gateway {

class Telemetry {
 public:
  static constexpr size_t ring_size = 2048;
  static constexpr Duration drain_period = 100ms;

  /// Not both none.
  Telemetry(SiteId site, const std::optional<AccessLogConfig>& access_log, const std::optional<TracingConfig>& tracing,
            Registry& registry);
  ~Telemetry();
  Telemetry(const Telemetry&) = delete;
  Telemetry& operator=(const Telemetry&) = delete;

  /// Dropped and counted when the ring is full. No allocation, no system call.
  void push(const RequestRecord& record) {
    if (!ring_.push(record)) lost_.add();
  }

 private:
  void tick();
  void drain();
  void write(const std::string& lines);

  const SiteId site_;
  net::RecordRing<RequestRecord> ring_;
  Counter& lost_;
  Counter& lines_;
  Counter& unwritten_;
  net::SideLoop side_;
  // On the side loop.
  std::optional<net::RotatingFile> file_;
  std::optional<SpanExporter> exporter_;
  bool complained_ = false;
};

}  // namespace barrio::gateway
