// Receipts: what a site signs for each answer of a tenant that wants it (docs/proof.md). The site whose replica
// answered signs; other gateways pass it on.

#include "gateway/gateway.h"
#include "gateway/proxied_request.h"

namespace barrio::gateway {

namespace {

constexpr std::string_view receipt_field = "Barrio-Receipt";

}  // namespace

bool ProxiedRequest::wants_receipt() const {
  return parts_.sign_receipt && parts_.limits.wants_receipt(start_.hold);
}

/// Of a replica's answer only once the request is complete: before, nobody knows what was answered.
void ProxiedRequest::add_receipt(std::span<const net::Header> from, const Site* site) {
  if (to_gateway_) {
    receipt_ = net::find_header(from, receipt_field).value_or("");
  } else if (ended_ && site != nullptr) {
    const App* app = parts_.dispatcher.find_app(start_.app);
    receipt_ = parts_.sign_receipt({.app = start_.app,
                                    .policy = app != nullptr ? app->generation : 0,
                                    .where = site->jurisdiction,
                                    .request = body_digest_->finish(),
                                    .status = status_});
  }
  if (!receipt_.empty()) headers_.push_back(net::fleeting({receipt_field, receipt_}));
}

}  // namespace barrio::gateway
