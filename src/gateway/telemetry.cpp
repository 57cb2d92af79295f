#include "gateway/telemetry.h"

#include <algorithm>

#include "base/check.h"
#include "base/log.h"
#include "gateway/access_line.h"

namespace barrio::gateway {

namespace {

constexpr Duration last_delivery = 1s;
constexpr size_t write_size = 64 * 1024;

}  // namespace

Telemetry::Telemetry(SiteId site, const std::optional<AccessLogConfig>& access_log,
                     const std::optional<TracingConfig>& tracing, Registry& registry)
    : site_(std::move(site)),
      ring_(ring_size),
      lost_(registry.counter("barrio_gateway_records_lost_total",
                             "Records of requests for the access log or traces for which there was no room",
                             {{"site", site_.str()}})),
      lines_(registry.counter("barrio_gateway_access_log_lines_total", "Lines of the access log",
                              {{"site", site_.str()}})),
      unwritten_(registry.counter("barrio_gateway_access_log_failures_total",
                                  "Pieces of the access log that could not be written", {{"site", site_.str()}})) {
  CHECK(access_log || tracing);
  if (access_log) {
    file_.emplace(access_log->folder + "/access.log",
                  net::RotatingFileLimits{.bytes = static_cast<uint64_t>(access_log->max_bytes.count()),
                                          .files = access_log->files});
  }
  if (tracing) exporter_.emplace(side_.reactor(), *tracing, site_, registry);
  tick();
  side_.start();
}

Telemetry::~Telemetry() {
  side_.stop();
  drain();
  if (exporter_) exporter_->finish(last_delivery);
}

void Telemetry::tick() {
  drain();
  side_.reactor().call_after(drain_period, [this] { tick(); });
}

void Telemetry::drain() {
  const Duration calendar = net::calendar_offset();
  std::string lines;
  // No more than the ring holds, so that a flood does not keep this loop here.
  for (size_t i = 0; i < ring_size; ++i) {
    const RequestRecord* record = ring_.peek();
    if (record == nullptr) break;
    if (record->logged && file_) {
      lines += access_line(*record, site_, calendar);
      lines_.add();
    }
    if (record->traced && exporter_) exporter_->add(*record);
    ring_.drop();
    if (lines.size() < write_size) continue;
    write(lines);
    lines.clear();
  }
  if (!lines.empty()) write(lines);
}

void Telemetry::write(const std::string& lines) {
  const auto written = file_->append(lines);
  if (!written) {
    unwritten_.add();
    if (!complained_) log_error("cannot write the access log", {{"why", written.error().text()}});
  }
  complained_ = !written;
}

}  // namespace barrio::gateway
