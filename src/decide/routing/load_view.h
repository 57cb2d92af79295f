#pragma once
// What one gateway worker has measured or heard about sites and apps. Mutable, owned by one loop, no lock.
// A site, or an app on a site, is away until `back_at` (Time::max() while nobody knows when). One that was up, went
// away and came back is used for device d only from back_at + hash(d, site) % return_window on, so that not all devices
// return at once.

#include <vector>

#include "decide/latency/estimate.h"
#include "decide/routing/table.h"

namespace barrio::decide {

inline constexpr Duration return_window = 10s;
/// A reported queue is forgotten linearly over this time; reports come each second.
inline constexpr Duration waiting_lifetime = 5s;
/// A measured service time that is older than this counts as unknown.
inline constexpr Duration service_lifetime = 60s;
inline constexpr Duration penalty_lifetime = 10s;

/// One app on one site, as that site's gateway reports it.
struct ReportedLoad {
  bool ready = false;
  double waiting = 0;
  Duration mean{};
  Duration p99{};
  uint64_t samples = 0;
};

struct SiteLoad {
  float rtt_ms = 0;  // from here; prior until measured
  bool measured = false;
  bool was_up = false;
  float penalty_ms = 0;   // after failures that were not refused connections
  uint32_t failures = 0;  // in a row
  Time penalty_at{};
  Time back_at = Time::min();
  Time heard_at = Time::min();  // its last word, of whatever kind
};

struct AppLoad {
  float mean_ms = 0;
  float tail_ms = 0;  // at the app's objective's percentile
  float waiting = 0;
  uint32_t in_flight = 0;  // sent by this worker, not yet answered
  bool measured = false;
  uint8_t failures = 0;  // in a row
  float penalty_ms = 0;  // after answers that were errors: a site that fails fast must not look fast
  Time penalty_at{};
  Time measured_at{};  // mean and tail
  Time waiting_at{};
  Time back_at = Time::min();
};

struct AppView {
  SiteSet reported;  // sites that said themselves whether they are ready, which is newer than the snapshot
  SiteSet reported_ready;
  SiteSet was_ready;
  SiteSet went_away;  // was ready, and said then that it is not
  ServiceTime prior;  // what the sites that measured it say, else a guess from the objective
  bool prior_measured = false;
};

class LoadView {
 public:
  /// `self`: the site where this worker runs.
  LoadView(const RoutingTable& table, size_t self);
  /// A view for the next snapshot that keeps what was measured about sites and apps that are still there.
  LoadView next(const RoutingTable& present, const RoutingTable& table, size_t self) const;

  size_t self() const { return self_; }
  const SiteLoad& site(size_t index) const { return sites_[index]; }
  const AppLoad* apps_at(size_t app) const { return loads_.data() + app * sites_.size(); }
  const AppLoad& load(size_t app, size_t site) const { return loads_[app * sites_.size() + site]; }
  const AppView& app(size_t index) const { return apps_[index]; }
  SiteSet ready(const RoutingTable& table, size_t app) const {
    return table.app(app).ready.without(apps_[app].reported) | apps_[app].reported_ready;
  }
  bool reachable(size_t site, Time now) const { return now >= sites_[site].back_at; }

  // Sites.
  void site_rtt(size_t site, Duration rtt);
  void site_up(size_t site, Time now);
  /// It answers, whatever it says.
  void site_heard(size_t site, Time now) { sites_[site].heard_at = now; }
  /// Nothing was heard of it for so long.
  bool silent_for(size_t site, Duration time, Time now) const { return sites_[site].heard_at + time <= now; }
  /// Nothing is sent there until site_up.
  void site_out(size_t site);
  /// It took a request and did not answer well: a penalty that fades, and out after three in a row.
  void site_failed(size_t site, Time now);

  // Apps on sites.
  void reported(const RoutingTable& table, size_t app, size_t site, const ReportedLoad& load, Time now);
  void set_ready(size_t app, size_t site, bool ready, Time now);
  void measured(size_t app, size_t site, const ServiceTime& service, Time now);
  /// One answer from there, between two reports: moves the mean a little.
  void sample(size_t app, size_t site, Duration service);
  /// Moves what is believed of sites that have not measured the app, by the weight of `samples`.
  void learn_prior(size_t app, const ServiceTime& service, uint64_t samples);
  void waiting(size_t app, size_t site, double count, Time now);
  void sent(size_t app, size_t site) { ++cell(app, site).in_flight; }
  /// Every sent() ends in one finished().
  void finished(size_t app, size_t site);
  void answered(size_t app, size_t site);
  /// It answered with an error, or that it cannot: a penalty that doubles with each one, fades, and halves with each
  /// good answer. It stays usable: where it is the only one, its errors are the app's answer.
  void app_erred(size_t app, size_t site, Time now);
  /// The app did not serve there: not asked again for a while that doubles with each failure in a row, as long as
  /// another site can serve it.
  void app_failed(size_t app, size_t site, Time now);

 private:
  AppLoad& cell(size_t app, size_t site) { return loads_[app * sites_.size() + site]; }

  size_t self_;
  std::vector<SiteLoad> sites_;
  std::vector<AppView> apps_;
  std::vector<AppLoad> loads_;  // [app][site]
};

}  // namespace barrio::decide
