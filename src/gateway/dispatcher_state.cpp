// What the dispatcher knows: the snapshot, this site's replicas, the peers, and the requests in flight.

#include <algorithm>

#include "base/check.h"
#include "base/text.h"
#include "decide/latency/path.h"
#include "gateway/dispatcher.h"

namespace barrio::gateway {

void Dispatcher::set_snapshot(std::shared_ptr<const Snapshot> snapshot, Time now) {
  auto table = std::make_unique<decide::RoutingTable>(std::move(snapshot));
  const auto self = table->site_index(self_);
  if (!self) return;  // a snapshot without this site says nothing that this site could act on
  view_ =
      std::make_unique<decide::LoadView>(view_ ? view_->next(*table_, *table, *self) : decide::LoadView(*table, *self));
  std::vector<decide::RetryBudget> budgets(table->app_count());
  for (size_t i = 0; i < budgets.size(); ++i) {
    if (const auto known = app_of(table->app(i).app->key())) budgets[i] = budgets_[*known];
  }
  budgets_ = std::move(budgets);
  table_ = std::move(table);
  ++tables_;
  self_index_ = *self;
  adopt_local(now);
}

void Dispatcher::set_local(const std::vector<ports::WorkloadStatus>& statuses, Time now) {
  statuses_ = statuses;
  adopt_local(now);
}

void Dispatcher::adopt_local(Time now) {
  std::map<AppKey, std::vector<LocalReplicas::Ready>> ready;
  for (const ports::WorkloadStatus& status : statuses_) {
    if (status.report.phase != ReplicaPhase::ready || status.endpoint.empty()) continue;
    ready[status.app].push_back({status.report.id, status.endpoint});
  }
  for (auto& [key, local] : local_) {
    if (!ready.contains(key)) local.replicas.adopt({});
  }
  for (auto& [key, replicas] : ready) local_[key].replicas.adopt(std::move(replicas));
  if (!table_) return;
  std::erase_if(local_, [&](const auto& item) { return item.second.replicas.empty() && !app_of(item.first); });
  local_at_.assign(table_->app_count(), nullptr);
  for (size_t app = 0; app < table_->app_count(); ++app) {
    LocalApp* local = local_at_[app] = local_app(table_->app(app).app->key());
    view_->set_ready(app, self_index_, local != nullptr && !local->replicas.empty(), now);
  }
}

void Dispatcher::peer_load(const SiteId& site, const LoadReport& report, std::optional<Duration> rtt, Time now) {
  if (!table_) return;
  const auto index = table_->site_index(site);
  if (!index || *index == self_index_) return;
  view_->site_up(*index, now);
  if (rtt) view_->site_rtt(*index, *rtt);
  std::vector<bool> named(table_->app_count());
  for (const AppLoadReport& load : report.apps) {
    const auto app = app_of(load.app);
    if (!app) continue;
    named[*app] = true;
    view_->reported(*table_, *app, *index,
                    {.ready = load.ready,
                     .waiting = load.waiting,
                     .mean = from_ms(load.service_mean_ms),
                     .p99 = from_ms(load.service_p99_ms),
                     .samples = static_cast<uint64_t>(std::max<int64_t>(0, load.samples))},
                    now);
  }
  for (size_t app = 0; app < named.size(); ++app) {
    if (!named[app]) view_->set_ready(app, *index, false, now);
  }
}

void Dispatcher::peer_failed(const SiteId& site, Time) {
  if (!table_) return;
  if (const auto index = table_->site_index(site)) view_->site_out(*index);
}

bool Dispatcher::up(const SiteId& site, Time now) const {
  const auto index = table_ ? table_->site_index(site) : std::nullopt;
  return index && view_->reachable(*index, now);
}

size_t Dispatcher::in_flight(const ReplicaId& replica) const {
  return static_cast<size_t>(
      std::ranges::count_if(open_, [&](const Open& request) { return request.used && request.replica == replica; }));
}

bool Dispatcher::served_elsewhere(const AppKey& key, Time now) const {
  const auto app = app_of(key);
  return app && decide::served_elsewhere(*table_, *view_, *app, now);
}

void Dispatcher::tick(Time now) {
  if (!table_) return;
  for (auto& [key, local] : local_) {
    const auto app = app_of(key);
    if (!app) continue;
    renew_local(*app, local, now);
    const decide::AppLoad& load = view_->load(*app, self_index_);
    view_->learn_prior(*app, {from_ms(static_cast<double>(load.mean_ms)), from_ms(static_cast<double>(load.tail_ms))},
                       local.service.samples(now));
  }
}

void Dispatcher::renew_local(size_t app, LocalApp& local, Time now) {
  local.renewed = now;
  view_->measured(app, self_index_, local.service.at(table_->app(app).percentile, view_->app(app).prior, now), now);
}

LoadReport Dispatcher::load_report(Time now) {
  LoadReport report{.site = self_, .apps = {}};
  if (!table_) return report;
  for (auto& [key, local] : local_) {
    const auto app = app_of(key);
    if (!app || local.replicas.empty()) continue;
    const decide::AppLoad& load = view_->load(*app, self_index_);
    const decide::ServiceTime service = local.service.at(99, view_->app(*app).prior, now);
    // All of this site's requests pass here; one of those in flight is being computed, not waiting.
    const double queued = load.in_flight > 0 ? load.in_flight - 1.0 : 0.0;
    const bool fresh = now - load.waiting_at < decide::waiting_lifetime;
    report.apps.push_back({.app = key,
                           .ready = true,
                           .waiting = std::max(queued, fresh ? static_cast<double>(load.waiting) : 0.0),
                           .service_mean_ms = to_ms(service.mean),
                           .service_p99_ms = to_ms(service.tail),
                           .samples = static_cast<int64_t>(local.service.samples(now))});
  }
  return report;
}

std::vector<std::pair<SiteId, Duration>> Dispatcher::ranked(const AppKey& key, uint64_t device,
                                                            const DeviceLocation* location, Time now,
                                                            std::optional<Refusal>& refusal) {
  std::vector<std::pair<SiteId, Duration>> entries;
  const auto app = app_of(key);
  if (!app) {
    refusal =
        table_ ? unknown(key) : Refusal{RefusalReason::unavailable, "no snapshot of the network yet", "another site"};
    return entries;
  }
  for (const auto& [site, predicted] : decide::rank(*table_, *view_, *app, device, location, now)) {
    entries.emplace_back(table_->site(site).id, predicted);
  }
  if (entries.empty()) {
    refusal = decide::explain(*table_, *view_, {.app = *app, .device = device, .now = now, .left = Duration::max()});
    flows_.refused(flows_.find(key, location, table_->site(self_index_).location), refusal->reason, now);
  }
  return entries;
}

std::optional<size_t> Dispatcher::app_of(const AppKey& key) const {
  if (!table_) return std::nullopt;
  if (last_app_ < table_->app_count()) {
    const App& last = *table_->app(last_app_).app;
    if (last.spec.name == key.name && last.tenant == key.tenant) return last_app_;
  }
  const auto found = table_->app_index(key.tenant.str(), key.name.str());
  if (found) last_app_ = *found;
  return found;
}

/// Looked up once per request and snapshot.
std::optional<size_t> Dispatcher::app_of(const Open& request) const {
  if (request.index_of != tables_) {
    request.index = app_of(request.app);
    request.index_of = tables_;
  }
  return request.index;
}

std::optional<size_t> Dispatcher::site_of(const Open& request) const {
  if (request.site_index_of != tables_) {
    request.site_index = table_->site_index(request.site);
    request.site_index_of = tables_;
  }
  return request.site_index;
}

void Dispatcher::set_site(Open& request, size_t site) const {
  request.site = table_->site(site).id;
  request.site_index = site;
  request.site_index_of = tables_;
}

/// Of an app that is no longer in the snapshot, too, while its replicas are still here.
Dispatcher::LocalApp* Dispatcher::local_app(const Open& request) {
  const auto app = app_of(request);
  return app ? local_at_[*app] : local_app(request.app);
}

Dispatcher::LocalApp* Dispatcher::local_app(const AppKey& key) {
  const auto found = local_.find(key);
  return found == local_.end() ? nullptr : &found->second;
}

const Site* Dispatcher::find_site(const SiteId& site) const {
  if (table_ && site == self_) return &table_->site(self_index_);
  const auto index = table_ ? table_->site_index(site) : std::nullopt;
  return index ? &table_->site(*index) : nullptr;
}

const App* Dispatcher::find_app(const AppKey& key) const {
  const auto app = app_of(key);
  return app ? table_->app(*app).app : nullptr;
}

Duration Dispatcher::rtt(const SiteId& site) const {
  const auto index = table_ ? table_->site_index(site) : std::nullopt;
  return index ? from_ms(static_cast<double>(view_->site(*index).rtt_ms)) : Duration::zero();
}

Duration Dispatcher::access(const DeviceLocation* location) const {
  if (!table_ || location == nullptr) return {};
  const PathModel& paths = table_->snapshot().network.paths;
  return decide::access_rtt(paths, location->access) +
         decide::path_rtt(paths, location->location, table_->site(self_index_).location);
}

Refusal Dispatcher::unknown(const AppKey& key) const {
  std::vector<std::string_view> names;
  for (const App& app : table_->snapshot().apps) {
    if (app.tenant == key.tenant) names.push_back(app.spec.name.str());
  }
  const auto close = nearest(key.name.str(), names);
  std::string hint =
      names.empty() ? "deploy it: barrio app deploy FILE" : "apps of this tenant: " + join_text(names, ", ");
  if (close) hint = "app '" + std::string(*close) + "'";
  return {RefusalReason::unknown_app, "tenant '" + key.tenant.str() + "' has no app '" + key.name.str() + "'",
          std::move(hint)};
}

Dispatcher::Open& Dispatcher::open(Ticket ticket) {
  const auto index = static_cast<uint32_t>(ticket);
  CHECK(index < open_.size() && open_[index].used && open_[index].generation == ticket >> 32);
  return open_[index];
}

const Dispatcher::Open& Dispatcher::open(Ticket ticket) const {
  return const_cast<Dispatcher*>(this)->open(ticket);
}

Ticket Dispatcher::new_ticket() {
  if (free_.empty()) {
    if (open_.size() >= most_open) return 0;
    free_.push_back(static_cast<uint32_t>(open_.size()));
    open_.emplace_back();
  }
  const uint32_t index = free_.back();
  free_.pop_back();
  open_[index].used = true;
  return Ticket{open_[index].generation} << 32 | index;
}

void Dispatcher::close(Ticket ticket) {
  Open& request = open(ticket);
  request.used = false;
  ++request.generation;
  if (request.generation == 0) request.generation = 1;
  free_.push_back(static_cast<uint32_t>(ticket));
}

/// Gives back what the last decision took in flight.
void Dispatcher::release(Open& request, ReplicaOutcome outcome, Time now) {
  const auto app = app_of(request);
  const auto site = site_of(request);
  if (app && site) view_->finished(*app, *site);
  LocalApp* local = request.replica.empty() ? nullptr : local_app(request);
  if (local != nullptr) {
    const Duration objective = app ? table_->app(*app).objective : Duration::max();
    local->replicas.over({request.replica, request.probe, request.sent_at, objective}, outcome, now);
  }
  request.probe = false;
}

}  // namespace barrio::gateway
