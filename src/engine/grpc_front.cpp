#include "engine/grpc_front.h"

#include "engine/grpc_calls.h"

namespace barrio::engine {

namespace {

using Call = std::shared_ptr<GrpcCall>;

GrpcCall& grpc_call(net::Exchange& exchange) {
  return **static_cast<Call*>(exchange.context);
}

}  // namespace

GrpcFront::GrpcFront(net::Reactor& reactor, InferenceService& service, ModelRepository& repository, Registry& registry,
                     GrpcFrontConfig config)
    : reactor_(reactor), service_(service), repository_(repository), metrics_(registry), config_(std::move(config)) {}

bool GrpcFront::takes(const net::RequestHead& head) const {
  const auto type = net::find_header(head.headers, "Content-Type");
  return type && api::is_grpc_type(*type);
}

void GrpcFront::on_head(net::Exchange& exchange) {
  ++open_;
  exchange.context = new Call(open_grpc_call(exchange, {reactor_, service_, repository_, metrics_, config_}));
}

void GrpcFront::on_body(net::Exchange& exchange, std::string_view piece) {
  grpc_call(exchange).on_body(piece);
}

void GrpcFront::on_end(net::Exchange& exchange) {
  grpc_call(exchange).on_end();
}

void GrpcFront::on_writable(net::Exchange& exchange) {
  grpc_call(exchange).on_writable();
}

void GrpcFront::on_closed(net::Exchange& exchange, bool) {
  --open_;
  delete static_cast<Call*>(exchange.context);
}

}  // namespace barrio::engine
