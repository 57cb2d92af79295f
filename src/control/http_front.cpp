#include "control/http_front.h"

#include <memory>

#include "control/http_answer.h"

namespace barrio::control {

HttpFront::HttpFront(ports::Runtime& runtime, net::Reactor& reactor, HttpApi& http, net::ServerLimits limits)
    : runtime_(runtime),
      http_(http),
      server_(reactor, std::move(limits), [this](net::Request request, net::Responder respond) {
        accept(std::move(request), std::move(respond));
      }) {}

void HttpFront::accept(net::Request request, net::Responder respond) {
  if (running_ >= most_requests) return respond(answer(api::problem(503, "too many requests at once")));
  ++running_;
  auto kept = std::make_shared<net::Request>(std::move(request));
  runtime_.spawn("http", [this, kept, respond = std::move(respond)]() mutable {
    respond(http_.handle(*kept));
    --running_;
  });
}

}  // namespace barrio::control
