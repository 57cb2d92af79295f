#include "engine/generation_call.h"

#include <algorithm>

#include "api/openai/answer.h"
#include "base/text.h"

namespace barrio::engine {

namespace {

constexpr std::string_view first_token_field = "Barrio-First-Token-Ms";
constexpr double most_first_token_ms = 3'600'000;

Counter& outcome(Registry& registry, const char* name) {
  return registry.counter("barrio_engine_generations_total", "Requests for text and embeddings by outcome.",
                          {{"outcome", name}});
}

Counter& tokens(Registry& registry, const char* direction) {
  return registry.counter("barrio_engine_tokens_total",
                          "Tokens of prompts and embedded texts (in), and of answers (out).",
                          {{"direction", direction}});
}

Result<std::optional<Duration>> first_token_of(const net::RequestHead& head) {
  const auto field = net::find_header(head.headers, first_token_field);
  if (!field) return std::optional<Duration>();
  const auto ms = parse_double(*field);
  if (!ms || !(*ms >= 0 && *ms <= most_first_token_ms)) {
    return fail(Code::invalid, "'" + std::string(*field) + "' is not a number of milliseconds",
                std::string(first_token_field));
  }
  return std::optional(from_ms(*ms));
}

}  // namespace

GenerationMetrics::GenerationMetrics(Registry& registry)
    : answered(outcome(registry, "answered")),
      refused(outcome(registry, "refused")),
      rejected(outcome(registry, "rejected")),
      failed(outcome(registry, "failed")),
      cancelled(outcome(registry, "cancelled")),
      tokens_in(tokens(registry, "in")),
      tokens_out(tokens(registry, "out")),
      first_piece(registry.histogram("barrio_engine_first_token_seconds",
                                     "From a request's first byte to the first piece of its answer.")) {}

GenerationCall::GenerationCall(net::Exchange& exchange, const GenerationParts& parts,
                               std::unique_ptr<GenerationDialect> dialect)
    : exchange_(exchange), parts_(parts), dialect_(std::move(dialect)) {
  const uint64_t length = exchange.request().content_length.value_or(0);
  if (length > parts_.limits.body_bytes) {
    reply(dialect_->too_long(parts_.limits.body_bytes));
    return;
  }
  constexpr uint64_t most_reserved = 1 << 20;  // of what is only announced
  body_.reserve(static_cast<size_t>(std::min(length, most_reserved)));
}

GenerationCall::~GenerationCall() {
  if (!over_) parts_.metrics.cancelled.add();
  if (id_ == 0) return;
  if (const ports::Tokens more = parts_.backend.cancel(id_); !more.none()) on_tokens(more);
}

void GenerationCall::body(std::string_view piece) {
  if (over_) return;
  body_ += piece;
  if (body_.size() > parts_.limits.body_bytes) reply(dialect_->too_long(parts_.limits.body_bytes));
}

void GenerationCall::ended() {
  if (over_) return;
  auto request = read();
  if (!request) return reply(dialect_->bad_request(request.error()));
  streams_ = request->stream;
  const uint64_t id = parts_.backend.start(std::move(*request), *this);
  if (!ended_) id_ = id;
}

Result<ports::GenerationRequest> GenerationCall::read() {
  TRY(auto fields, read_request_fields(exchange_.request(), exchange_.first_byte()));
  TRY(auto first_token, first_token_of(exchange_.request()));
  TRY(auto request, dialect_->read(std::move(body_)));
  request.tenant = std::move(fields.tenant);
  if (!request.stream) {
    request.deadline = fields.deadline;
    return request;
  }
  if (!first_token) first_token = parts_.limits.first_token;
  if (first_token) request.first_token = exchange_.first_byte() + *first_token;
  if (fields.deadline) request.first_token = std::min(*fields.deadline, request.first_token.value_or(*fields.deadline));
  return request;
}

void GenerationCall::writable() {
  if (!over_ && id_ != 0) parts_.backend.resume(id_);
}

bool GenerationCall::on_piece(std::string_view json) {
  if (over_) return true;
  if (streams_) return send_event(dialect_->piece(json));
  reply({.status = 200, .body = dialect_->piece(json)});
  return true;
}

/// Before what they are of leaves: a client holds nothing that is not counted.
void GenerationCall::on_tokens(ports::Tokens more) {
  parts_.metrics.tokens_in.add(more.in);
  parts_.metrics.tokens_out.add(more.out);
  if (parts_.charge) parts_.charge(more);
}

bool GenerationCall::send_event(std::string_view json) {
  if (!std::exchange(begun_, true)) {
    const net::Header headers[] = {{"Content-Type", "text/event-stream; charset=utf-8"}, {"Cache-Control", "no-cache"}};
    exchange_.begin(200, headers, std::nullopt);
    parts_.metrics.first_piece.observe(parts_.reactor.fresh_now() - exchange_.first_byte());
  }
  std::string event;
  event.reserve(json.size() + 8);
  api::append_event(event, json);
  return exchange_.write(event);
}

void GenerationCall::on_end() {
  ended_ = true;
  id_ = 0;
  if (over_) return;
  if (!begun_) return on_failure({.error = {Code::unavailable, "the model's server ended without an answer"}});
  over_ = true;
  parts_.metrics.answered.add();
  exchange_.write(dialect_->last_event());
  exchange_.end();
}

void GenerationCall::on_failure(ports::GenerationFailure failure) {
  ended_ = true;
  id_ = 0;
  if (over_) return;
  if (!begun_) return reply(dialect_->failure(failure));
  // The status has gone; a client reads the error among the events, and no last one.
  over_ = true;
  parts_.metrics.failed.add();
  send_event(dialect_->failure(failure).body);
  exchange_.end();
}

void GenerationCall::reply(const GenerationReply& reply) {
  over_ = true;
  Counter* counter = &parts_.metrics.answered;
  if (reply.status >= 500) counter = &parts_.metrics.failed;
  if (reply.status >= 400 && reply.status < 500) counter = &parts_.metrics.rejected;
  if (reply.status == 429) counter = &parts_.metrics.refused;
  counter->add();
  if (reply.status == 200) parts_.metrics.first_piece.observe(parts_.reactor.fresh_now() - exchange_.first_byte());
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(reply.retry_after).count();
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(reply.retry_after).count();
  const std::string seconds_text = std::to_string(seconds);
  const std::string ms_text = std::to_string(ms);
  std::vector<net::Header> headers = {{"Content-Type", "application/json"}};
  if (ms > 0) {
    headers.push_back({"Retry-After", seconds_text});
    headers.push_back({"Retry-After-Ms", ms_text});
  }
  exchange_.reply(reply.status, headers, reply.body);
}

}  // namespace barrio::engine
