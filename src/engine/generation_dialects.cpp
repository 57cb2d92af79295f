#include "engine/generation_dialects.h"

#include "api/oip/generate.h"
#include "api/oip/message.h"
#include "api/openai/answer.h"
#include "api/openai/request.h"

namespace barrio::engine {

using ports::GenerationFailure;
using ports::GenerationKind;
using ports::GenerationRequest;

namespace {

int http_status(const GenerationFailure& failure) {
  switch (failure.error.code) {
    case Code::exhausted: return 429;
    case Code::not_found: return 404;
    case Code::invalid: return failure.status >= 400 && failure.status < 500 ? failure.status : 400;
    case Code::denied: return 403;
    case Code::unsupported: return 400;
    case Code::timed_out: return 504;
    default: return failure.status >= 500 ? 502 : 503;
  }
}

/// Never zero for a status that asks for it.
Duration retry_after(int status, Duration known) {
  return status == 429 || status == 503 ? std::max<Duration>(known, 1ms) : Duration::zero();
}

class OpenAiDialect final : public GenerationDialect {
 public:
  explicit OpenAiDialect(GenerationKind kind) : kind_(kind) {}

  Result<GenerationRequest> read(std::string body) override {
    TRY(auto asked, api::parse_openai_request(kind_, body));
    return GenerationRequest{.kind = kind_,
                             .model = std::move(asked.model),
                             .body = std::move(body),
                             .stream = asked.stream,
                             .prompt_bytes = asked.prompt_bytes,
                             .most_tokens = asked.most_tokens,
                             .tenant = {}};
  }
  std::string piece(std::string_view json) override { return std::string(json); }
  std::string_view last_event() const override { return api::last_event; }
  GenerationReply bad_request(const Error& error) const override {
    const std::string what = error.where.empty() ? error.what : "'" + error.where + "': " + error.what;
    return openai_error(400, what, error.where);
  }
  GenerationReply too_long(size_t most) const override {
    return openai_error(413, "the body is longer than " + std::to_string(most) + " bytes");
  }
  GenerationReply failure(const GenerationFailure& failure) const override {
    const int status = http_status(failure);
    GenerationReply reply;
    if (failure.error.code == Code::invalid && api::is_openai_error(failure.body)) {
      reply = {.status = status, .body = failure.body};
    } else {
      reply = said(status, failure.error);
    }
    reply.retry_after = retry_after(status, failure.retry_after);
    return reply;
  }

 private:
  static GenerationReply said(int status, const Error& error) {
    switch (status) {
      case 404: return openai_error(status, error.text(), "model", "model_not_found");
      case 429: return openai_error(status, error.text(), {}, "rate_limit_exceeded");
      case 504: return openai_error(status, error.text(), {}, "timeout");
      default: return openai_error(status, error.text());
    }
  }

  GenerationKind kind_;
};

class GenerateDialect final : public GenerationDialect {
 public:
  GenerateDialect(std::string_view model, GenerateVerb verb) : model_(model), verb_(verb) {}

  Result<GenerationRequest> read(std::string body) override {
    TRY(request_, api::parse_generate_request(body));
    const bool streams = verb_ == GenerateVerb::generate_stream;
    const auto form = streams ? api::GenerateForm::streamed : api::GenerateForm::whole;
    std::string completion = api::print_generate_completion(request_, model_, form);
    TRY(auto asked, api::parse_openai_request(GenerationKind::completion, completion));
    return GenerationRequest{.kind = GenerationKind::completion,
                             .model = model_,
                             .body = std::move(completion),
                             .stream = streams,
                             .prompt_bytes = asked.prompt_bytes,
                             .most_tokens = asked.most_tokens,
                             .tenant = {}};
  }
  std::string piece(std::string_view json) override { return api::print_generate_response(request_, model_, json); }
  std::string_view last_event() const override { return {}; }
  GenerationReply bad_request(const Error& error) const override { return {400, api::print_error(error.text()), {}}; }
  GenerationReply too_long(size_t most) const override {
    return {413, api::print_error("the body is longer than " + std::to_string(most) + " bytes"), {}};
  }
  GenerationReply failure(const GenerationFailure& failure) const override {
    const int status = http_status(failure);
    return {status, api::print_error(failure.error.text()), retry_after(status, failure.retry_after)};
  }

 private:
  std::string model_;
  GenerateVerb verb_;
  api::GenerateRequest request_;
};

}  // namespace

std::unique_ptr<GenerationDialect> openai_dialect(GenerationKind kind) {
  return std::make_unique<OpenAiDialect>(kind);
}

std::unique_ptr<GenerationDialect> generate_dialect(std::string_view model, GenerateVerb verb) {
  return std::make_unique<GenerateDialect>(model, verb);
}

GenerationReply openai_error(int status, std::string message, std::string param, std::string code) {
  std::string type = status < 500 ? "invalid_request_error" : "server_error";
  if (status == 429) type = "requests";
  return {
      status,
      api::print_openai_error(
          {.message = std::move(message), .type = std::move(type), .param = std::move(param), .code = std::move(code)}),
      {}};
}

}  // namespace barrio::engine
