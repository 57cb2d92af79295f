#pragma once
// One request on its way through the gateway: from a device (or another gateway) to a replica or another gateway, and
// the answer back. Both directions stream with back-pressure. What came of the body is kept up to a bound, so that the
// request can be sent once more elsewhere; a longer body is not retried. Reused from a pool; lives on the gateway's
// reactor.

#include <string>
#include <vector>

#include "base/metrics.h"
#include "gateway/dispatcher.h"
#include "gateway/peers.h"
#include "gateway/problem.h"
#include "net/client.h"
#include "net/server.h"

namespace barrio::gateway {

/// What all requests of a gateway share.
struct RequestParts {
  net::Reactor& reactor;
  net::Client& client;
  Dispatcher& dispatcher;
  Peers& peers;
  class RequestMetrics& metrics;
  SiteId self;
  std::string peer_secret;
};

struct RequestStart {
  AppKey app;
  uint64_t device = 0;
  std::optional<DeviceLocation> location = {};
  bool infer = true;  // else a question about the model
  bool forwarded = false;
  std::optional<Time> deadline = {};
};

class ProxiedRequest final : public net::CallHandler {
 public:
  static constexpr size_t most_kept_body = 1024 * 1024;

  explicit ProxiedRequest(RequestParts& parts) : parts_(parts) {}
  void start(net::Exchange& exchange, RequestStart start);

  // From the device's side.
  void on_device_body(std::string_view piece);
  void on_device_end();
  void on_device_writable();
  void on_device_closed();

  // From the serving side.
  void on_head(const net::ResponseHead& head) override;
  void on_body(std::string_view piece) override;
  void on_done() override;
  void on_error(net::CallError error) override;
  void on_writable() override;

 private:
  void act(Decision decision);
  bool send_to(const net::Endpoint& endpoint, bool to_gateway);
  void retry_or_refuse(Failure failure, bool sent);
  bool cannot_serve(int status) const;
  void refuse(const Refuse& refuse);
  void keep(std::string_view piece);
  std::string server_timing(const Timings& timings, Time now) const;

  RequestParts& parts_;
  net::Exchange* exchange_ = nullptr;
  net::Call* call_ = nullptr;
  RequestStart start_;
  Ticket ticket_ = 0;
  Time deadline_{};
  SiteId site_;  // where it was sent last
  bool to_gateway_ = false;
  bool answering_ = false;  // the answer's head has gone to the device
  bool ended_ = false;      // the request is complete
  Time ended_at_{};
  bool keeping_ = true;  // all of the body so far is in kept_
  std::string kept_;
  Timings timings_;
  int status_ = 0;
  std::vector<net::Header> headers_;
};

}  // namespace barrio::gateway
