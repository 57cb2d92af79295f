#pragma once
// OpenAI's API, and Triton's generate extension, before a GenerationBackend.
//
//   POST /v1/chat/completions, /v1/completions, /v1/embeddings
//   GET  /v1/models, /v1/models/NAME
//   POST /v2/models/NAME[/versions/V]/generate, .../generate_stream
//
// Answers are the backend's own, streamed or whole. A first token that cannot come in time is refused at once: 429 with
// Retry-After. Errors have the dialect's form. Header fields: engine/generation_call.h. Lives on the loop.

#include <memory>
#include <unordered_map>

#include "engine/front.h"
#include "engine/generation_call.h"

namespace barrio::engine {

class OpenAiFront final : public Front {
 public:
  OpenAiFront(net::Reactor& reactor, ports::GenerationBackend& backend, Registry& registry,
              GenerationLimits limits = {}, ChargeTokens charge = {});
  ~OpenAiFront();

  bool takes(const net::RequestHead& head) const override;
  void on_head(net::Exchange& exchange) override;
  void on_body(net::Exchange& exchange, std::string_view piece) override;
  void on_end(net::Exchange& exchange) override;
  void on_writable(net::Exchange& exchange) override;
  void on_closed(net::Exchange& exchange, bool aborted) override;

  /// No request is open.
  bool idle() const { return open_ == 0; }

 private:
  /// What needs no generation. Answers all that it is given.
  void answer_here(net::Exchange& exchange) const;

  net::Reactor& reactor_;
  ports::GenerationBackend& backend_;
  GenerationMetrics metrics_;
  GenerationLimits limits_;
  ChargeTokens charge_;
  size_t open_ = 0;
};

}  // namespace barrio::engine
