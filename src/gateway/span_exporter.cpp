#include "gateway/span_exporter.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "gateway/spans.h"
#include "net/side_loop.h"

namespace barrio::gateway {

namespace {

constexpr size_t most_answer_bytes = 64 * 1024;

bool may_come_again(const Result<net::Response>& answer) {
  if (!answer) return true;
  return answer->status == 429 || (answer->status >= 502 && answer->status <= 504);
}

std::string why(const Result<net::Response>& answer) {
  return answer ? "it answered " + std::to_string(answer->status) : answer.error().text();
}

/// The spans that the collector says it did not take.
uint64_t rejected(const net::Response& answer) {
  const auto json = parse_json(answer.body);
  if (!json || !json->is_object()) return 0;
  const Json* partial = json->as_object().if_contains("partialSuccess");
  const Json* count =
      partial != nullptr && partial->is_object() ? partial->as_object().if_contains("rejectedSpans") : nullptr;
  if (count == nullptr) return 0;
  if (count->is_string()) return parse_uint(std::string_view(count->as_string())).value_or(0);
  return count->is_int64() && count->as_int64() > 0 ? static_cast<uint64_t>(count->as_int64()) : 0;
}

uint64_t spans_in(std::span<const RequestRecord> records) {
  uint64_t spans = records.size();
  for (const RequestRecord& record : records) spans += record.has_sent ? 1 : 0;
  return spans;
}

}  // namespace

SpanExporter::SpanExporter(net::Reactor& reactor, const TracingConfig& config, SiteId site, Registry& registry)
    : reactor_(reactor),
      collector_(*parse_collector(config.collector)),
      site_(std::move(site)),
      client_(reactor, {}),
      exported_(registry.counter("barrio_gateway_spans_exported_total", "Spans that the collector took",
                                 {{"site", site_.str()}})),
      dropped_(registry.counter("barrio_gateway_spans_dropped_total", "Spans that were not delivered",
                                {{"site", site_.str()}})) {
  waiting_.reserve(most_waiting);
  timer_ = reactor_.call_after(period, [this] { tick(); });
}

SpanExporter::~SpanExporter() {
  reactor_.cancel(timer_);
}

void SpanExporter::add(const RequestRecord& record) {
  if (waiting_.size() >= most_waiting) return dropped_.add(spans_in({&record, 1}));
  waiting_.push_back(record);
  if (waiting_.size() >= most_in_batch) send();
}

void SpanExporter::tick() {
  send();
  timer_ = reactor_.call_after(period, [this] { tick(); });
}

void SpanExporter::send() {
  if (in_flight_ || reactor_.now() < not_before_) return;
  if (batch_.empty()) {
    const auto count = static_cast<std::ptrdiff_t>(std::min(waiting_.size(), most_in_batch));
    batch_.assign(waiting_.begin(), waiting_.begin() + count);
    waiting_.erase(waiting_.begin(), waiting_.begin() + count);
    attempts_ = 0;
  }
  if (batch_.empty()) return;
  in_flight_ = true;
  ++attempts_;
  net::Request request{.method = "POST",
                       .target = collector_.path,
                       .headers = {{"Content-Type", "application/json"}},
                       .body = print_json(export_request(batch_, site_, net::calendar_offset())),
                       .peer_ip = {}};
  client_.fetch(
      collector_.address, std::move(request), reactor_.fresh_now() + patience,
      [this](Result<net::Response> answer) { answered(answer); }, most_answer_bytes);
}

void SpanExporter::answered(const Result<net::Response>& answer) {
  in_flight_ = false;
  if (answer && answer->status >= 200 && answer->status < 300) {
    const uint64_t refused = std::min(rejected(*answer), spans_in(batch_));
    exported_.add(spans_in(batch_) - refused);
    dropped_.add(refused);
    if (complained_) log_info("traces are delivered again", {{"collector", collector_.address.str()}});
    complained_ = false;
    return done();
  }
  if (!complained_)
    log_warning("traces are not delivered", {{"collector", collector_.address.str()}, {"why", why(answer)}});
  complained_ = true;
  if (may_come_again(answer) && attempts_ < most_attempts) return again(answer);
  dropped_.add(spans_in(batch_));
  done();
}

void SpanExporter::again(const Result<net::Response>& answer) {
  Duration pause = std::min<Duration>(longest_pause, 1s * (1 << attempts_));
  const auto asked = answer ? net::find_header(answer->headers, "Retry-After") : std::nullopt;
  const auto seconds = asked ? parse_uint(*asked) : std::nullopt;
  if (seconds) pause = std::chrono::seconds(std::min<uint64_t>(*seconds, 30));
  not_before_ = reactor_.now() + pause;
}

void SpanExporter::done() {
  batch_.clear();
  if (waiting_.size() >= most_in_batch) send();
}

void SpanExporter::finish(Duration most) {
  const Time until = reactor_.fresh_now() + most;
  not_before_ = {};
  while (true) {
    send();
    if (!in_flight_ || reactor_.now() >= until) break;
    reactor_.turn(until - reactor_.now());
  }
  dropped_.add(spans_in(batch_) + spans_in(waiting_));
  batch_.clear();
  waiting_.clear();
}

}  // namespace barrio::gateway
