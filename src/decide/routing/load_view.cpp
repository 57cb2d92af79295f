#include "decide/routing/load_view.h"

#include <algorithm>

#include "base/check.h"

namespace barrio::decide {

namespace {
constexpr float mean_noise = 1.5F;
constexpr float tail_noise = 2;
constexpr float rtt_up_weight = 0.1F;    // scheduling noise only adds: believe it slowly
constexpr float rtt_down_weight = 0.5F;  // and what is faster than we thought is real
constexpr float penalty_step_ms = 50;
constexpr float penalty_most_ms = 2000;
constexpr uint32_t failures_to_eject = 3;
constexpr Duration first_block = 500ms;
constexpr double prior_learning = 0.1;
constexpr double prior_learning_samples = 100;

float ms(Duration duration) {
  return static_cast<float>(to_ms(duration));
}

/// Until anybody has measured: the same everywhere, so that distance alone decides.
ServiceTime guess(const AppRoute& app) {
  return {app.objective / 8, app.objective / 4};
}
}  // namespace

LoadView::LoadView(const RoutingTable& table, size_t self)
    : self_(self),
      sites_(table.site_count()),
      apps_(table.app_count()),
      loads_(table.app_count() * table.site_count()) {
  CHECK(self < table.site_count());
  for (size_t i = 0; i < sites_.size(); ++i) sites_[i].rtt_ms = ms(table.prior_rtt(self, i));
  for (size_t i = 0; i < apps_.size(); ++i) {
    apps_[i].was_ready = table.app(i).ready;
    apps_[i].prior = guess(table.app(i));
  }
}

LoadView LoadView::next(const RoutingTable& present, const RoutingTable& table, size_t self) const {
  LoadView view(table, self);
  std::vector<std::pair<size_t, size_t>> same_sites;  // old, new
  for (size_t i = 0; i < present.site_count(); ++i) {
    const auto index = table.site_index(present.site(i).id);
    if (!index) continue;
    same_sites.emplace_back(i, *index);
    view.sites_[*index] = sites_[i];
  }
  for (size_t i = 0; i < present.app_count(); ++i) {
    const AppKey key = present.app(i).app->key();
    const auto index = table.app_index(key.tenant.str(), key.name.str());
    if (!index) continue;
    AppView& app = view.apps_[*index];
    app.prior = apps_[i].prior;
    app.prior_measured = apps_[i].prior_measured;
    for (const auto& [from, to] : same_sites) {
      view.cell(*index, to) = load(i, from);
      if (apps_[i].reported.has(from)) app.reported.add(to);
      if (apps_[i].reported_ready.has(from)) app.reported_ready.add(to);
      if (apps_[i].was_ready.has(from)) app.was_ready.add(to);
      if (apps_[i].went_away.has(from)) app.went_away.add(to);
    }
  }
  return view;
}

namespace {

/// Sites run the same models on the same hardware: what sets one apart is mostly the content of its few requests, and
/// devices must not cross the country for that. Within a factor of `noise` of what all sites say, a site counts as like
/// them; beyond, only what exceeds the factor counts, so there is no step.
float beyond_noise(float value, float common, float noise) {
  if (value > common * noise) return value / noise;
  return value * noise < common ? value * noise : common;
}

}  // namespace

void LoadView::site_rtt(size_t site, Duration rtt) {
  SiteLoad& load = sites_[site];
  const float sample = ms(rtt);
  const float weight = sample > load.rtt_ms ? rtt_up_weight : rtt_down_weight;
  load.rtt_ms = load.measured ? load.rtt_ms + (sample - load.rtt_ms) * weight : sample;
  load.measured = true;
}

void LoadView::site_up(size_t site, Time now) {
  SiteLoad& load = sites_[site];
  // A site seen for the first time has no devices to come back.
  if (load.back_at == Time::max()) load.back_at = load.was_up ? now : Time::min();
  load.was_up = true;
  load.failures = 0;
  load.heard_at = now;
}

void LoadView::site_out(size_t site) {
  if (site != self_) sites_[site].back_at = Time::max();
}

void LoadView::site_failed(size_t site, Time now) {
  if (site == self_) return;
  SiteLoad& load = sites_[site];
  load.penalty_ms = std::min(penalty_most_ms, std::max(penalty_step_ms, load.penalty_ms * 2));
  load.penalty_at = now;
  if (++load.failures >= failures_to_eject) site_out(site);
}

void LoadView::set_ready(size_t app, size_t site, bool ready, Time now) {
  AppView& view = apps_[app];
  // The first word of a site replaces what the snapshot said; only what was seen to go can come back.
  if (!view.reported.has(site)) view.was_ready.remove(site);
  view.reported.add(site);
  if (!ready) {
    view.reported_ready.remove(site);
    if (view.was_ready.has(site)) view.went_away.add(site);
    return;
  }
  view.reported_ready.add(site);
  view.was_ready.add(site);
  if (!view.went_away.has(site)) return;
  view.went_away.remove(site);
  cell(app, site).back_at = std::max(cell(app, site).back_at, now);
}

void LoadView::reported(const RoutingTable& table, size_t app, size_t site, const ReportedLoad& report, Time now) {
  set_ready(app, site, report.ready, now);
  waiting(app, site, report.waiting, now);
  if (report.samples == 0) return;
  const ServiceTime service{report.mean, tail_at(table.app(app).percentile, report.mean, report.p99)};
  learn_prior(app, service, report.samples);
  measured(app, site, service, now);
}

void LoadView::measured(size_t app, size_t site, const ServiceTime& service, Time now) {
  AppLoad& load = cell(app, site);
  load.mean_ms = ms(service.mean);
  load.tail_ms = ms(service.tail);
  if (const AppView& view = apps_[app]; view.prior_measured) {
    load.mean_ms = beyond_noise(load.mean_ms, ms(view.prior.mean), mean_noise);
    load.tail_ms = beyond_noise(load.tail_ms, ms(view.prior.tail), tail_noise);
  }
  load.measured_at = now;
  load.measured = true;
}

void LoadView::sample(size_t app, size_t site, Duration service) {
  AppLoad& load = cell(app, site);
  if (load.measured) load.mean_ms += (ms(service) - load.mean_ms) / 16;
}

void LoadView::learn_prior(size_t app, const ServiceTime& service, uint64_t samples) {
  AppView& view = apps_[app];
  const double evidence = static_cast<double>(samples);
  const double weight = view.prior_measured ? prior_learning * evidence / (evidence + prior_learning_samples) : 1;
  const auto move = [weight](Duration& prior, Duration towards) {
    prior += Duration(static_cast<Duration::rep>(weight * static_cast<double>((towards - prior).count())));
  };
  move(view.prior.mean, service.mean);
  move(view.prior.tail, service.tail);
  view.prior_measured = true;
}

void LoadView::waiting(size_t app, size_t site, double count, Time now) {
  cell(app, site).waiting = static_cast<float>(std::clamp(count, 0.0, 1e6));
  cell(app, site).waiting_at = now;
}

void LoadView::finished(size_t app, size_t site) {
  AppLoad& load = cell(app, site);
  if (load.in_flight > 0) --load.in_flight;
}

void LoadView::answered(size_t app, size_t site) {
  AppLoad& load = cell(app, site);
  load.failures = 0;
  load.penalty_ms = load.penalty_ms > penalty_step_ms ? load.penalty_ms / 2 : 0;
  sites_[site].failures = 0;
}

void LoadView::app_erred(size_t app, size_t site, Time now) {
  AppLoad& load = cell(app, site);
  if (now - load.penalty_at >= penalty_lifetime) load.penalty_ms = 0;
  load.penalty_ms = std::min(penalty_most_ms, std::max(penalty_step_ms, load.penalty_ms * 2));
  load.penalty_at = now;
}

void LoadView::app_failed(size_t app, size_t site, Time now) {
  AppLoad& load = cell(app, site);
  load.failures = static_cast<uint8_t>(std::min(load.failures + 1, 4));
  load.back_at = now + first_block * (1 << (load.failures - 1));
}

}  // namespace barrio::decide
