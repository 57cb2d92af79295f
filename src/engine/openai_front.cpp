#include "engine/openai_front.h"

#include <algorithm>

#include "api/openai/answer.h"
#include "engine/generation_dialects.h"
#include "engine/model_path.h"

namespace barrio::engine {

using ports::GenerationKind;

namespace {

constexpr std::string_view openai_path = "/v1/";
constexpr std::string_view openai_models = "/v1/models";

std::optional<GenerateVerb> generate_verb(std::string_view path) {
  if (!path.starts_with(models_path)) return std::nullopt;
  const ModelPath asked(path);
  if (asked.rest == "/generate") return GenerateVerb::generate;
  if (asked.rest == "/generate_stream") return GenerateVerb::generate_stream;
  return std::nullopt;
}

std::optional<GenerationKind> openai_kind(std::string_view path) {
  if (path == "/v1/chat/completions") return GenerationKind::chat;
  if (path == "/v1/completions") return GenerationKind::completion;
  if (path == "/v1/embeddings") return GenerationKind::embedding;
  return std::nullopt;
}

/// Null: the path names no generation.
std::unique_ptr<GenerationDialect> dialect_of(std::string_view path) {
  if (const auto verb = generate_verb(path)) return generate_dialect(ModelPath(path).model, *verb);
  const auto kind = openai_kind(path);
  return kind ? openai_dialect(*kind) : nullptr;
}

void reply_json(net::Exchange& exchange, int status, std::string_view body) {
  const net::Header type{"Content-Type", "application/json"};
  exchange.reply(status, {&type, 1}, body);
}

void reply_error(net::Exchange& exchange, const GenerationReply& error) {
  reply_json(exchange, error.status, error.body);
}

void wrong_method(net::Exchange& exchange, std::string_view allowed) {
  const net::Header headers[] = {{"Content-Type", "application/json"}, {"Allow", allowed}};
  const GenerationReply error = openai_error(405, "this path takes " + std::string(allowed));
  exchange.reply(error.status, headers, error.body);
}

/// Null: it was answered by its head.
GenerationCall* call_of(const net::Exchange& exchange) {
  return static_cast<GenerationCall*>(exchange.context);
}

}  // namespace

OpenAiFront::OpenAiFront(net::Reactor& reactor, ports::GenerationBackend& backend, Registry& registry,
                         GenerationLimits limits, ChargeTokens charge)
    : reactor_(reactor),
      backend_(backend),
      metrics_(registry),
      limits_(std::move(limits)),
      charge_(std::move(charge)) {}

OpenAiFront::~OpenAiFront() = default;

bool OpenAiFront::takes(const net::RequestHead& head) const {
  return head.path.starts_with(openai_path) || generate_verb(head.path).has_value();
}

void OpenAiFront::on_head(net::Exchange& exchange) {
  ++open_;
  exchange.context = nullptr;
  auto dialect = dialect_of(exchange.request().path);
  if (dialect == nullptr) return answer_here(exchange);
  if (exchange.request().method != "POST") return wrong_method(exchange, "POST");
  const GenerationParts parts{reactor_, backend_, metrics_, limits_, charge_};
  exchange.context = new GenerationCall(exchange, parts, std::move(dialect));
}

void OpenAiFront::answer_here(net::Exchange& exchange) const {
  const std::string_view path = exchange.request().path;
  const bool all = path == openai_models;
  const bool one =
      path.starts_with(openai_models) && path.size() > openai_models.size() + 1 && path[openai_models.size()] == '/';
  if (!all && !one) {
    return reply_error(exchange, openai_error(404, "no such path: " + std::string(path), {}, "unknown_url"));
  }
  if (exchange.request().method != "GET") return wrong_method(exchange, "GET");
  const auto models = backend_.models();
  if (all) return reply_json(exchange, 200, api::print_openai_models(models));
  const auto name = net::percent_decode(path.substr(openai_models.size() + 1));
  const auto found = std::ranges::find(models, name.value_or(""), &ports::GenerationModel::name);
  if (found != models.end()) return reply_json(exchange, 200, api::print_openai_model(*found));
  reply_error(exchange,
              openai_error(404, "the model '" + name.value_or("") + "' does not exist", "model", "model_not_found"));
}

void OpenAiFront::on_body(net::Exchange& exchange, std::string_view piece) {
  if (GenerationCall* call = call_of(exchange)) call->body(piece);
}

void OpenAiFront::on_end(net::Exchange& exchange) {
  if (GenerationCall* call = call_of(exchange)) call->ended();
}

void OpenAiFront::on_writable(net::Exchange& exchange) {
  if (GenerationCall* call = call_of(exchange)) call->writable();
}

void OpenAiFront::on_closed(net::Exchange& exchange, bool) {
  --open_;
  delete call_of(exchange);
}

}  // namespace barrio::engine
