#pragma once
// What a gateway takes: decide/limits asked for each request, its refusals told over HTTP and counted, and the bytes of
// bodies that are kept for a second attempt. On the gateway's reactor.

#include <array>
#include <functional>
#include <optional>
#include <vector>

#include "base/metrics.h"
#include "decide/limits/admission.h"
#include "gateway/problem.h"
#include "model/snapshot.h"

namespace barrio::gateway {

struct LimitsConfig {
  uint32_t most_in_flight = 4096;      // at which the gateway is busy, and tenants are held to their shares
  uint32_t most_to_peer = 256;         // the same of requests forwarded to one other gateway: its connections
  Bytes kept_bodies = mib(64);         // over it a body is not kept, and its request is not retried
  Bytes kept_bodies_tenant = mib(16);  // of one tenant
  // A body has so long to come whole, and so much longer as its bytes take at this rate.
  Duration body_grace = 30s;
  uint32_t body_bytes_per_second = 100;
};

/// What one request holds until its end.
struct RequestHold {
  bool admitted = false;
  decide::Admitted tenant;
  uint64_t kept = 0;                  // bytes
  decide::FairShare* peer = nullptr;  // where it is forwarded to
};

class Limits {
 public:
  /// `wall`: when a month ends.
  Limits(LimitsConfig config, Registry& registry, const SiteId& site, std::function<WallTime()> wall);
  void set_snapshot(const Snapshot& snapshot);

  struct Request {
    const AppKey& app;
    const App* known;  // null: there is no such app
    bool forwarded = false;
    std::optional<uint64_t> length;  // of the body, where it is known
    uint64_t most_body = 0;          // as most_body() says
  };
  /// None: let in; `hold` ends in leave().
  std::optional<Problem> enter(const Request& request, Time now, RequestHold& hold);
  void leave(RequestHold& hold);
  /// Of a tenant whose request was let in.
  bool wants_receipt(const RequestHold& hold) const { return hold.admitted && admission_.wants_receipts(hold.tenant); }
  /// True: it may be forwarded to this site, until leave_peer() or leave().
  bool enter_peer(const SiteId& site, RequestHold& hold, Time now);
  void leave_peer(RequestHold& hold);

  /// The longest body of a request of this app.
  uint64_t most_body(const AppKey& app, const App* known) const;
  /// 413, counted.
  Problem body_too_long(const AppKey& app, const App* known);
  /// How long a body may have taken of which so much has come: with ever so few bytes a second a thousand clients of a
  /// public app would be all that its tenant may have in flight.
  Duration body_time(uint64_t received) const;
  /// 408, counted.
  Problem body_too_slow();
  /// True: this many more bytes may be kept.
  bool keep(RequestHold& hold, size_t bytes);
  void give_back(RequestHold& hold);
  /// Once a second.
  void tick();

 private:
  enum class Which {
    tenant_rate,
    app_rate,
    tenant_in_flight,
    fair_share,
    tenants,
    tenant_body,
    app_body,
    kept_bodies,
    peer_share,
    spend_cap,
    body_rate
  };
  static constexpr size_t limit_count = 11;
  Problem refuse(const AppKey& app, const decide::Over& over);
  std::optional<Problem> over_spend_cap(const AppKey& app, const App* known);
  void count(Which which) { counters_[static_cast<size_t>(which)]->add(); }

  const LimitsConfig config_;
  const std::function<WallTime()> wall_;
  decide::Admission admission_;
  std::map<std::string, SpendStop, std::less<>> spend_stops_;
  std::map<SiteId, decide::FairShare> peers_;
  uint64_t kept_ = 0;
  std::vector<uint64_t> kept_by_tenant_;  // by the tenant's number
  std::array<Counter*, limit_count> counters_{};
  Gauge& in_flight_;
  Gauge& kept_bytes_;
};

}  // namespace barrio::gateway
