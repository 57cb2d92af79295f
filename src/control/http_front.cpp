#include "control/http_front.h"

#include <memory>

#include "control/http_answer.h"

namespace barrio::control {

HttpFront::HttpFront(ports::Runtime& runtime, net::Reactor& reactor, HttpApi& http, net::ServerLimits limits)
    : runtime_(runtime),
      http_(http),
      server_(reactor, limits,
              [this](net::Request request, net::Responder respond) {
                accept(std::move(request), std::move(respond), HttpApi::Over::clear);
              }),
      secure_(reactor, std::move(limits), [this](net::Request request, net::Responder respond) {
        accept(std::move(request), std::move(respond), HttpApi::Over::tls);
      }) {}

void HttpFront::accept(net::Request request, net::Responder respond, HttpApi::Over over) {
  if (running_ >= most_requests) return respond(answer(api::problem(503, "too many requests at once")));
  ++running_;
  auto kept = std::make_shared<net::Request>(std::move(request));
  runtime_.spawn("http", [this, kept, over, respond = std::move(respond)]() mutable {
    std::optional<HttpApi::Watch> watch;
    net::Response response = http_.handle(*kept, watch, over);
    --running_;
    if (!watch) return respond(std::move(response));
    if (watching_ >= most_watching) return respond(answer(api::problem(503, "too many watch events already")));
    ++watching_;
    go_on(*watch, std::move(response), respond);
    --watching_;
  });
}

void HttpFront::go_on(HttpApi::Watch& watch, net::Response begin, net::Responder& respond) {
  bool there = respond.begin(begin);
  while (there && !runtime_.stopping() && http_.may_go_on(watch)) {
    const std::string events = http_.next_events(watch, runtime_.now() + still_here);
    // Without a word now and then, who watches and what lies between would take the connection for dead.
    there = !respond.client_gone() && respond.write(events.empty() ? ":\n\n" : events);
  }
  respond.end();
}

}  // namespace barrio::control
