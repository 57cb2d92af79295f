#include "adapters/openai/openai_backend.h"

#include <algorithm>

#include "adapters/openai/upstream.h"

namespace barrio::adapters {

using openai::Upstream;

namespace {

net::ClientLimits client_limits() {
  net::ClientLimits limits;
  limits.connections_per_address = 4096;  // HTTP/1.1: one for each request that is being answered
  return limits;
}

}  // namespace

OpenaiBackend::OpenaiBackend(net::Reactor& reactor, std::vector<OpenaiSettings> models)
    : client_(reactor, client_limits()) {
  for (OpenaiSettings& settings : models)
    upstreams_.push_back(std::make_unique<Upstream>(reactor, client_, std::move(settings)));
}

OpenaiBackend::~OpenaiBackend() = default;

uint64_t OpenaiBackend::start(ports::GenerationRequest request, ports::GenerationSink& sink) {
  const auto found = std::find_if(upstreams_.begin(), upstreams_.end(),
                                  [&](const auto& upstream) { return upstream->settings().name == request.model; });
  const uint64_t count = std::max<uint64_t>(upstreams_.size(), 1);
  const auto index = static_cast<uint64_t>(found - upstreams_.begin());
  const uint64_t id = ++rounds_ * count + index % count;
  if (found == upstreams_.end())
    sink.on_failure({{Code::not_found, "there is no model '" + request.model.substr(0, 100) + "' here"}});
  else
    (*found)->start(id, std::move(request), sink);
  return id;
}

ports::Tokens OpenaiBackend::cancel(uint64_t id) {
  return upstreams_.empty() ? ports::Tokens() : upstreams_[id % upstreams_.size()]->cancel(id);
}

void OpenaiBackend::resume(uint64_t id) {
  if (!upstreams_.empty()) upstreams_[id % upstreams_.size()]->resume(id);
}

std::vector<ports::GenerationModel> OpenaiBackend::models() const {
  std::vector<ports::GenerationModel> models;
  for (const auto& upstream : upstreams_) {
    const OpenaiSettings& settings = upstream->settings();
    models.push_back({.name = settings.name,
                      .owner = settings.owner,
                      .created = {},
                      .chat = settings.text,
                      .embedding = settings.embedding,
                      .ready = upstream->ready()});
  }
  return models;
}

}  // namespace barrio::adapters
