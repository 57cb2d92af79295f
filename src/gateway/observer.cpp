#include "gateway/observer.h"

#include <algorithm>

namespace barrio::gateway {

bool RateLimit::take(Time now) {
  left_ = std::min(per_second_, left_ + std::chrono::duration<double>(now - last_).count() * per_second_);
  last_ = now;
  if (left_ < 1) return false;
  left_ -= 1;
  return true;
}

Observer::Observer(const ObserverConfig& config, Registry& registry)
    : rng_(config.seed),
      log_sample_(config.access_log ? config.access_log->sample : 0),
      trace_sample_(config.tracing ? config.tracing->sample : 0),
      logs_(config.access_log.has_value()),
      traces_(config.tracing.has_value()),
      device_address_(config.access_log && config.access_log->device_address),
      errors_(config.access_log ? config.access_log->errors_per_second : 0),
      traced_(config.tracing ? config.tracing->most_per_second : 0),
      suppressed_(registry.counter("barrio_gateway_access_log_suppressed_total",
                                   "Errors, refusals and late answers beyond the rate that is always logged",
                                   {{"site", config.site.str()}})) {
  if (logs_ || traces_)
    telemetry_ = std::make_unique<Telemetry>(config.site, config.access_log, config.tracing, registry);
}

Sight Observer::begin(const net::RequestHead& head, Time now) {
  Sight sight;
  sight.incoming = read_trace(head.headers);
  if (!traces_) return sight;
  const auto& context = sight.incoming.context;
  const bool asked = context ? context->sampled : trace_sample_ > 0 && rng_.unit() < trace_sample_;
  if (!asked || !traced_.take(now)) return sight;
  sight.traced = true;
  sight.trace = context ? context->trace : new_trace_id(rng_);
  sight.span = new_span_id(rng_);
  return sight;
}

void Observer::pass_on(Sight& sight, std::vector<net::Header>& headers, Time now) {
  sight.sent = now;
  sight.has_sent = true;
  const bool drop_parent = sight.traced || sight.incoming.drop_parent;
  if (drop_parent || sight.incoming.drop_state) {
    std::erase_if(headers, [&](const net::Header& header) {
      return (drop_parent && header.field == net::Field::traceparent) ||
             (sight.incoming.drop_state && header.field == net::Field::tracestate);
    });
  }
  if (!sight.traced) return;
  sight.sent_span = new_span_id(rng_);
  const TraceContext next{.trace = sight.trace, .parent = sight.sent_span, .sampled = true};
  headers.push_back(net::fleeting({"traceparent", write_traceparent(next, sight.parent_text)}));
}

bool Observer::to_be_logged(const Ending& ending, Time now) {
  if (!logs_) return false;
  if (log_sample_ >= 1 || (log_sample_ > 0 && rng_.unit() < log_sample_)) return true;
  if (ending.status != 0 && ending.status < 400 && !ending.late) return false;
  if (errors_.take(now)) return true;
  suppressed_.add();
  return false;
}

void Observer::end(Sight& sight, const net::Exchange& exchange, const Ending& ending, Time now) {
  if (sight.ended) return;
  sight.ended = true;
  const bool logged = to_be_logged(ending, now);
  if (!logged && !sight.traced) return;
  const net::RequestHead& head = exchange.request();
  RequestRecord record;
  record.logged = logged;
  record.traced = sight.traced;
  record.forwarded = ending.forwarded;
  record.to_gateway = ending.to_gateway;
  record.retried = sight.retried;
  record.late = ending.late;
  record.has_parent = sight.traced && sight.incoming.context.has_value();
  record.has_sent = sight.has_sent;
  record.major_version = static_cast<uint8_t>(head.major_version);
  record.minor_version = static_cast<uint8_t>(head.minor_version);
  record.status = static_cast<uint16_t>(ending.status);
  record.began = exchange.first_byte();
  record.sent = sight.sent;
  record.ended = now;
  record.network = sight.network;
  record.own = sight.own;
  record.queue = sight.queue;
  record.compute = sight.compute;
  record.bytes_in = sight.bytes_in;
  record.bytes_out = sight.bytes_out;
  record.trace = sight.trace;
  if (record.has_parent) record.parent = sight.incoming.context->parent;
  record.span = sight.span;
  record.sent_span = sight.sent_span;
  record.method.set(head.method);
  record.path.set(head.path);
  record.tenant.set(ending.tenant);
  record.app.set(ending.app);
  record.reason.set(ending.reason);
  record.served_by.set(ending.served_by);
  record.place.set(ending.place);
  if (device_address_) record.device.set(exchange.device_ip());
  telemetry_->push(record);
}

}  // namespace barrio::gateway
