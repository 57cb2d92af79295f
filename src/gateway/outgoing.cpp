#include "gateway/outgoing.h"

#include <algorithm>

#include "base/text.h"
#include "gateway/app_address.h"
#include "gateway/deadlines.h"
#include "gateway/headers.h"

namespace barrio::gateway {

namespace {

/// What a device says about its own way here is not to be believed by the app.
bool is_about_the_way(const net::Header& header) {
  switch (header.field) {
    case net::Field::forwarded:
    case net::Field::x_forwarded_for:
    case net::Field::x_forwarded_host:
    case net::Field::x_forwarded_port:
    case net::Field::x_forwarded_prefix:
    case net::Field::x_forwarded_proto:
    case net::Field::x_real_ip: return true;
    default: return false;
  }
}

}  // namespace

void OutgoingHead::write(const Outgoing& outgoing) {
  headers_.clear();
  pass(outgoing);
  target_ = outgoing.from->target;
  if (outgoing.route.used) {
    own_target_.clear();
    outgoing.to_gateway ? append_gateway_target(*outgoing.app, outgoing.route.rest, own_target_)
                        : append_app_target(outgoing.route.rest, own_target_);
    target_ = own_target_;
    if (!outgoing.to_gateway) add_host(outgoing);
    if (!outgoing.from_peer) add_forwarded(outgoing);
  }
  left_text_.clear();
  append_ms(left_text_, std::max<Duration>(100us, outgoing.left));
  headers_.push_back(net::checked(net::fleeting({net::Field::other, deadline_header, left_text_})));
  if (outgoing.to_gateway) {
    if (!outgoing.peer_secret.empty()) headers_.push_back({"Barrio-Peer", outgoing.peer_secret});
    headers_.push_back({"Barrio-Forwarded-By", outgoing.self});
  }
}

void OutgoingHead::pass(const Outgoing& outgoing) {
  pass_request_headers(outgoing.from->headers, outgoing.to_gateway, headers_);
  if (outgoing.route.used && !outgoing.from_peer) {
    std::erase_if(headers_, is_about_the_way);
  }
  if (!is_grpc(headers_)) return;
  grpc_text_ = api::grpc_timeout(outgoing.left);
  headers_.push_back(net::checked(net::fleeting({net::Field::grpc_timeout, grpc_timeout_header, grpc_text_})));
}

/// The app sees the host that the device asked for, which another gateway tells by X-Forwarded-Host.
void OutgoingHead::add_host(const Outgoing& outgoing) {
  const net::Field field = outgoing.from_peer ? net::Field::x_forwarded_host : net::Field::host;
  if (const auto host = net::find_header(outgoing.from->headers, field)) {
    headers_.push_back(net::checked({net::Field::host, "Host", *host}));
  }
}

void OutgoingHead::add_forwarded(const Outgoing& outgoing) {
  if (!outgoing.device_ip.empty()) headers_.push_back({"X-Forwarded-For", outgoing.device_ip});
  headers_.push_back({"X-Forwarded-Proto", outgoing.secure ? "https" : "http"});
  if (const auto host = net::find_header(outgoing.from->headers, net::Field::host)) {
    headers_.push_back({"X-Forwarded-Host", *host});
  }
  if (!outgoing.route.prefix.empty()) headers_.push_back({"X-Forwarded-Prefix", outgoing.route.prefix});
}

}  // namespace barrio::gateway
