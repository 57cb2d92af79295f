#pragma once
// Text generation and embeddings at servers of OpenAI's API (vLLM, NIM, SGLang ...). Streams are passed on piece by
// piece, as fast as the caller takes them. A request is refused where its first token is predicted to come too late
// (decide/batching/first_token), waits here rather than at the server, and is ended there when its caller goes, or when
// its first token has not come in time. Lives on the loop; nothing blocks.

#include <map>
#include <memory>
#include <vector>

#include "adapters/openai/openai_settings.h"
#include "net/client.h"
#include "ports/generation_backend.h"

namespace barrio::adapters {

namespace openai {
class Upstream;
}

class OpenaiBackend final : public ports::GenerationBackend {
 public:
  OpenaiBackend(net::Reactor& reactor, std::vector<OpenaiSettings> models);
  ~OpenaiBackend() override;

  uint64_t start(ports::GenerationRequest request, ports::GenerationSink& sink) override;
  ports::Tokens cancel(uint64_t id) override;
  void resume(uint64_t id) override;
  std::vector<ports::GenerationModel> models() const override;

 private:
  net::Client client_;
  std::vector<std::unique_ptr<openai::Upstream>> upstreams_;  // by number modulo their count; a few
  uint64_t rounds_ = 0;
};

}  // namespace barrio::adapters
