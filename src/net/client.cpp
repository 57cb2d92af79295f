#include "net/client.h"

#include "net/client_connection.h"
#include "net/http2_client.h"

namespace barrio::net {

struct Client::State {
  ClientCore core;
};

Client::Client(Reactor& reactor, ClientLimits limits) : state_(new State{ClientCore(reactor, limits)}) {}

Client::~Client() = default;

Call& Client::start(const Endpoint& endpoint, const CallStart& start, CallHandler& handler) {
  return state_->core.start(endpoint, start, handler);
}

Call& Client::start(const Endpoint& endpoint, const Request& request, Time deadline, CallHandler& handler) {
  return state_->core.start(endpoint, request, deadline, handler);
}

void Client::fetch(const Endpoint& endpoint, Request request, Time deadline, std::function<void(Result<Response>)> done,
                   size_t most) {
  state_->core.fetch(endpoint, std::move(request), deadline, std::move(done), most);
}

size_t Client::endpoints() const {
  return state_->core.endpoints();
}

}  // namespace barrio::net
