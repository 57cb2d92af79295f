#include "base/check.h"
#include "net/server.h"
#include "net/tls_session.h"

namespace barrio::net {

/// The meeting point of a request's exchange and whoever answers it; owned by the Responders.
struct Responder::Slot {
  Exchange* exchange = nullptr;  // null: answered, or the client has gone
  bool begun = false;

  ~Slot() {
    if (exchange == nullptr) return;
    if (begun)
      exchange->abort();
    else
      exchange->reply(500, {}, "no answer was made\n");
  }
};

Responder::Responder(std::shared_ptr<Slot> slot) : slot_(std::move(slot)) {}

bool Responder::client_gone() const {
  return slot_->exchange == nullptr;
}

namespace {

std::vector<Header> views_of(const Response& response) {
  std::vector<Header> headers;
  headers.reserve(response.headers.size());
  for (const auto& [name, value] : response.headers) headers.push_back({name, value});
  return headers;
}

}  // namespace

void Responder::operator()(Response response) {
  Exchange* exchange = std::exchange(slot_->exchange, nullptr);
  if (exchange != nullptr) exchange->reply(response.status, views_of(response), response.body);
}

bool Responder::begin(const Response& response) {
  if (slot_->exchange == nullptr) return false;
  slot_->begun = true;
  slot_->exchange->begin(response.status, views_of(response), std::nullopt);
  return write(response.body);
}

bool Responder::write(std::string_view piece) {
  if (slot_->exchange == nullptr) return false;
  if (piece.empty() || slot_->exchange->write(piece)) return true;
  if (Exchange* slow = std::exchange(slot_->exchange, nullptr)) slow->abort();
  return false;
}

void Responder::end() {
  if (Exchange* exchange = std::exchange(slot_->exchange, nullptr)) exchange->end();
}

struct MessageServer::State final : ExchangeHandler {
  struct Pending {
    Request request;
    std::weak_ptr<Responder::Slot> slot;
  };

  State(Reactor& reactor, ServerLimits limits, RequestHandler request_handler)
      : handler(std::move(request_handler)), server(reactor, std::move(limits), *this) {}

  void on_head(Exchange& exchange) override {
    auto* pending = new Pending;
    exchange.context = pending;
    const RequestHead& head = exchange.request();
    pending->request.method = head.method;
    pending->request.target = head.target;
    pending->request.peer_ip = exchange.device_ip();
    if (const TlsInfo* tls = exchange.tls()) {
      pending->request.peer_uri = tls->peer;
      pending->request.peer_key = tls->peer_key;
    }
    pending->request.headers.reserve(head.headers.size());
    for (const Header& header : head.headers) pending->request.headers.emplace_back(header.name, header.value);
    // The announced length is checked by the server, but memory is taken only as bytes arrive.
    pending->request.body.reserve(static_cast<size_t>(std::min<uint64_t>(head.content_length.value_or(0), 1 << 20)));
  }
  void on_body(Exchange& exchange, std::string_view piece) override { pending_of(exchange).request.body += piece; }
  void on_end(Exchange& exchange) override {
    Pending& pending = pending_of(exchange);
    auto slot = std::make_shared<Responder::Slot>();
    slot->exchange = &exchange;
    pending.slot = slot;
    handler(std::move(pending.request), Responder(std::move(slot)));
  }
  void on_writable(Exchange&) override {}
  void on_closed(Exchange& exchange, bool) override {
    const std::unique_ptr<Pending> pending(&pending_of(exchange));
    if (const auto slot = pending->slot.lock()) slot->exchange = nullptr;
  }

  static Pending& pending_of(Exchange& exchange) { return *static_cast<Pending*>(exchange.context); }

  RequestHandler handler;
  Server server;  // last: its end closes the exchanges, which still need the rest
};

MessageServer::MessageServer(Reactor& reactor, ServerLimits limits, RequestHandler handler)
    : state_(std::make_unique<State>(reactor, std::move(limits), std::move(handler))) {}

MessageServer::~MessageServer() = default;

Result<SocketAddress> MessageServer::listen(const SocketAddress& address, std::shared_ptr<TlsServer> tls) {
  return state_->server.listen(address, std::move(tls));
}

void MessageServer::drain() {
  state_->server.drain();
}

}  // namespace barrio::net
