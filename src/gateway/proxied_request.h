#pragma once
// One request on its way through the gateway: from a device (or another gateway) to a replica or another gateway, and
// the answer back. Both directions stream with back-pressure. What came of the body is kept up to a bound, so that the
// request can be sent once more elsewhere; a longer body is not retried. Trailer fields pass both ways; an upgrade to
// WebSocket becomes a tunnel. Reused from a pool; lives on the gateway's reactor.

#include <string>
#include <vector>

#include "base/digest.h"
#include "base/metrics.h"
#include "gateway/cors.h"
#include "gateway/dispatcher.h"
#include "gateway/limits.h"
#include "gateway/local_endpoints.h"
#include "gateway/observer.h"
#include "gateway/outgoing.h"
#include "gateway/peers.h"
#include "gateway/problem.h"
#include "gateway/request_meter.h"
#include "net/client.h"
#include "net/lazy_timer.h"
#include "net/read_blocks.h"
#include "net/server.h"

namespace barrio::gateway {

/// What all requests of a gateway share.
struct ReceiptFacts;

struct RequestParts {
  net::Reactor& reactor;
  net::Client& client;
  Dispatcher& dispatcher;
  Peers& peers;
  Limits& limits;
  class RequestMetrics& metrics;
  Meter& meter;
  Observer& observer;
  LocalEndpoints& endpoints;
  SiteId self;
  std::string peer_secret;
  /// GatewayConfig::sign_receipt.
  const std::function<std::string(const ReceiptFacts&)>& sign_receipt;
};

struct RequestStart {
  AppKey app;
  const App* known = nullptr;  // as the present snapshot has it, until start() returns
  uint64_t device = 0;
  std::optional<DeviceLocation> location = {};
  bool infer = true;       // else a question about the model, or an app's own request
  bool repeatable = true;  // may be sent twice though it was acted on
  bool forwarded = false;
  std::optional<Time> deadline = {};
  /// The deadline is that of the answer's beginning, counted from the end of the request: what is streamed may take
  /// longer. Else it is that of the whole answer.
  bool streams = false;
  AppRoute route = {};  // of an app's own requests
  uint64_t most_body = UINT64_MAX;
  RequestHold hold = {};
};

class ProxiedRequest final : public net::CallHandler {
 public:
  static constexpr size_t most_kept_body = 1024 * 1024;
  /// From here on what came in one read is kept where it was read, with the whole block.
  static constexpr size_t least_taken_body = 32 * 1024;
  /// What a pooled one may go on holding.
  static constexpr size_t most_spare_body = 256 * 1024;
  static constexpr Duration longest_stream = 1h;

  explicit ProxiedRequest(RequestParts& parts)
      : parts_(parts), meter_(parts.meter), begin_timer_(parts.reactor, [this] { not_begun(); }) {}
  void start(net::Exchange& exchange, RequestStart&& start);

  // From the device's side.
  void on_device_body(std::string_view piece);
  void on_device_trailers(std::span<const net::Header> trailers);
  void on_device_end();
  void on_device_tunnel_end();
  void on_device_writable();
  void on_device_closed();

  // From the serving side.
  void on_head(const net::ResponseHead& head) override;
  void on_body(std::string_view piece) override;
  void on_trailers(std::span<const net::Header> trailers) override;
  void on_done() override;
  void on_error(net::CallError error) override;
  void on_writable() override;
  void on_upgraded(const net::ResponseHead& head) override;
  void on_tunnel_end() override;
  std::optional<std::string_view> kept_body() const override;

  bool scheduled = false;  // for WorkList

 private:
  void act(Decision decision);
  bool send_to(const net::Endpoint& where, bool to_gateway, Duration way);
  net::Protocol protocol_to(bool gateway) const;
  std::optional<Duration> way(Time now) const;
  void answer_headers(std::span<const net::Header> from, const std::string& timing);
  bool wants_receipt() const;
  void add_receipt(std::span<const net::Header> from, const Site* site);
  void retry_or_refuse(Failure failure, bool sent);
  void set_begin_timer();
  void not_begun();
  void forget_body();
  void body_too_long();
  void pause_device();
  Time body_due() const;
  void look_at_body();
  /// The device gets another answer than that of what served it.
  void give_up(int status, std::string_view reason);
  void note_begun(const net::ResponseHead& head);
  std::optional<Failure> cannot_serve(const net::ResponseHead& head) const;
  void note_declined(const net::ResponseHead& head);
  void refuse(const Refuse& refuse);
  void keep(std::string_view piece);
  std::string_view kept() const { return taken_ ? in_taken_ : std::string_view(kept_); }
  const std::string& server_timing(const Timings& timings, Time now);
  /// The last word on this request, for those who look.
  void seen(int status, std::string_view reason, bool late = false);

  RequestParts& parts_;
  RequestMeter meter_;
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
  bool keeping_ = true;  // all of the body so far is kept
  std::string kept_;
  std::shared_ptr<const void> taken_;  // where it was read, if there is one; then nothing is in kept_
  std::string_view in_taken_;
  uint64_t received_ = 0;         // of the body
  Time paused_at_ = Time::max();  // what serves does not take it
  Duration paused_for_{};         // before that
  Time sent_at_{};
  net::LazyTimer begin_timer_;  // of requests that stream
  OutgoingHead outgoing_;
  net::OwnedHeaders request_trailers_;
  net::OwnedHeaders answer_trailers_;
  std::string_view upgrade_;  // the protocol that a tunnel is asked for; empty: none
  Timings timings_;
  std::string timing_text_;
  std::optional<Sha256> body_digest_;  // where the tenant wants a receipt
  std::string receipt_;
  CorsGrant cors_;  // of answers to a device
  /// What the last 429 said: when, and with how much time, it would be taken.
  int64_t declined_for_ = 0;
  std::string declined_earliest_;
  Sight sight_;
  int status_ = 0;
  std::vector<net::Header> headers_;
};

}  // namespace barrio::gateway
