#pragma once
// The head of a request as it goes on, to a replica or to another gateway: the target, what passes of the device's
// fields, and what this gateway adds. Reused from request to request, so that nothing is allocated once warm.

#include <span>
#include <string>
#include <vector>

#include "base/time.h"
#include "model/ids.h"
#include "net/http.h"

namespace barrio::gateway {

/// How an app's own requests (not those about its model) reach it.
struct AppRoute {
  bool used = false;
  std::string_view prefix;  // cut from the path; views live as long as the exchange
  std::string_view rest;
};

struct Outgoing {
  const net::RequestHead* from = nullptr;
  const AppKey* app = nullptr;
  AppRoute route = {};
  std::string_view device_ip;
  bool secure = false;     // came by TLS
  bool from_peer = false;  // its X-Forwarded-* are another gateway's
  bool to_gateway = false;
  Duration left{};  // of the deadline, as the next hop may use it
  // To another gateway.
  std::string_view self = {};
  std::string_view peer_secret = {};  // empty: certificates say who this gateway is
};

class OutgoingHead {
 public:
  /// Views stay valid until the next call.
  void write(const Outgoing& outgoing);
  std::string_view target() const { return target_; }
  std::span<const net::Header> headers() const { return headers_; }
  /// For what else goes on with the request.
  std::vector<net::Header>& fields() { return headers_; }

 private:
  void pass(const Outgoing& outgoing);
  void add_host(const Outgoing& outgoing);
  void add_forwarded(const Outgoing& outgoing);

  std::string own_target_;
  std::string_view target_;
  std::string left_text_;
  std::string grpc_text_;
  std::vector<net::Header> headers_;
};

}  // namespace barrio::gateway
