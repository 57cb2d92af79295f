// Configuration: how a change of what all sites decide by comes to them (decide/rollout/stages.h), and what a snapshot
// must be before any site gets it.

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "control/control.h"

namespace barrio::control {

namespace {

/// Changes of tenants and operators end here; the rest is for replicas and addresses, which must always get through.
constexpr size_t for_changes(size_t most) {
  return most / 4 * 3;
}

/// Changes go on together: each time, every site gets its snapshot anew. They go back at once.
constexpr Duration together_every = 2s;

/// After so long a site is given again what it says it could not read.
constexpr Duration unreadable_again_after = 30s;

bool is_staged_at(const Site& site) {
  return site.status != SiteStatus::planned && site.status != SiteStatus::retired;
}

bool is_in_snapshot(std::string_view key) {
  return key == key::network || key.starts_with("app/") || key.starts_with("tenant/") || key.starts_with("api_key/") ||
         key.starts_with("site/");
}

/// The most that a tenant's stop takes there once it has reached its cap: nobody asks for it, so its room is kept from
/// when the cap is set.
constexpr size_t most_stop_bytes = 160;

bool has_settings(std::string_view key) {
  return key == key::network || key.starts_with("app/") || key.starts_with("tenant/");
}

/// Of a document as it is written.
Result<Settings> written_settings(const ports::Write& write) {
  const ports::Entry entry{write.key, *write.value, 0};
  if (write.key == key::network) {
    TRY(auto network, read_network_settings(entry));
    return Settings{.network = std::move(network)};
  }
  if (write.key.starts_with("tenant/")) {
    TRY(auto tenant, read_json<TenantRecord>(entry));
    return Settings{.quota = tenant.quota.value_or(TenantQuota())};
  }
  TRY(auto app, read_json<App>(entry));
  return Settings{.app = settings_of(app.spec)};
}

/// Nothing to hold on to where it could not stand beside what else the document says: sites could not read it.
bool can_stand(const ports::Write& write, const Settings& held, Network network) {
  const ports::Entry entry{write.key, *write.value, 0};
  if (held.network) {
    network.operators = held.network->operators;
    network.paths = held.network->paths;
    return network.check().has_value();
  }
  if (held.quota) return held.quota->check().has_value();
  auto app = read_json<App>(entry);
  if (!app) return false;
  app->spec.objective = held.app->objective;
  app->spec.limits = held.app->limits;
  return read_json<App>({write.key, print_json(to_json(*app)), 0}).has_value();
}

/// All of it but what never waits.
std::string rest_of(App app) {
  app.spec.policy = {};
  app.spec.limits.reset();
  app.spec.access = {};
  app.generation = 0;
  return print_json(to_json(app));
}

std::string kibibytes(size_t bytes) {
  return std::to_string(bytes / 1024) + " KiB";
}

}  // namespace

/// As a site reads it. Errors: exhausted, invalid.
Result<void> Control::check_snapshot(const Snapshot& next, const std::string& text) const {
  if (text.size() > config_.most_snapshot_bytes) {
    return fail(Code::exhausted,
                "it has " + kibibytes(text.size()) + "; sites take " + kibibytes(config_.most_snapshot_bytes));
  }
  TRY(auto json, parse_json(text));
  TRY(auto read, from_json<Snapshot>(json, "snapshot"));
  read.version = next.version;
  const auto& sites = next.network.sites;
  return read.check_at(sites.empty() ? SiteId() : sites.front().id);
}

/// Before it is accepted, so that who asks is told.
Result<void> Control::check_room_in_snapshot(const Edit& edit) const {
  size_t more = 0;
  bool urgent = true;
  for (const ports::Write& write : edit.writes) {
    if (write.value && write.key.starts_with("spend_cap/") && !desired_.sizes.contains(write.key)) {
      more += most_stop_bytes;
      urgent = false;
    }
    if (!write.value || !is_in_snapshot(write.key)) continue;
    const auto known = desired_.sizes.find(write.key);
    const size_t before = known == desired_.sizes.end() ? 0 : known->second;
    more += write.value->size() - std::min(before, write.value->size());
    urgent = urgent && only_takes_away(write);
  }
  const size_t most = urgent ? config_.most_snapshot_bytes : for_changes(config_.most_snapshot_bytes);
  if (more == 0) return {};
  // What must get through does so at the cost of the room that is kept for stops.
  if (!urgent) {
    more += most_stop_bytes * static_cast<size_t>(std::ranges::count_if(
                                  desired_.spend_caps, [](const auto& cap) { return !cap.second.reached; }));
  }
  if (snapshot_bytes_ + more <= most) return {};
  return fail(Code::exhausted, "the snapshot that every site keeps would have " + kibibytes(snapshot_bytes_ + more) +
                                   ", with what is kept for tenants that reach their caps, and may have " +
                                   kibibytes(most) + ": delete apps or API keys that nobody needs first");
}

/// A drained site, a lower quota or limit, another policy: what must get through when there is room for nothing else.
bool Control::only_takes_away(const ports::Write& write) const {
  if (write.key.starts_with("site/")) return desired_.revision_of(write.key) != 0;
  const auto present = present_settings(write.key);
  if (!present || write.key == key::network) return false;
  const auto wanted = written_settings(write);
  if (!wanted || decide::held_back(*present, *wanted)) return false;
  if (!present->app) return true;
  const auto app = read_json<App>({write.key, *write.value, 0});
  const App* known = app ? find_app(app->key()) : nullptr;
  return known != nullptr && rest_of(*known) == rest_of(*app);
}

/// None: sites do not know it yet, so that nothing of it is held back.
std::optional<Settings> Control::present_settings(const std::string& what) const {
  if (desired_.revision_of(what) == 0) return std::nullopt;
  if (what == key::network) return Settings{.network = network_settings()};
  if (what.starts_with("tenant/")) {
    const auto quota = desired_.quotas.find(what.substr(7));
    return Settings{.quota = quota == desired_.quotas.end() ? TenantQuota() : quota->second};
  }
  const auto app = std::ranges::find_if(desired_.apps, [&](const App& one) { return key::app(one.key()) == what; });
  if (app == desired_.apps.end()) return std::nullopt;
  return Settings{.app = settings_of(app->spec)};
}

Result<void> Control::stage(Edit& edit, const Act& act) const {
  const size_t own = edit.writes.size();
  for (size_t i = 0; i < own; ++i) {
    const ports::Write write = edit.writes[i];
    if (has_settings(write.key)) TRY_DO(stage_one(edit, write, act));
  }
  return {};
}

Result<void> Control::stage_one(Edit& edit, const ports::Write& write, const Act& act) const {
  const auto under_way = desired_.staged.find(write.key);
  const bool staged = under_way != desired_.staged.end();
  const std::string record = key::staged(write.key);
  const auto put = [&](std::optional<std::string> value) {
    edit.guards.push_back(desired_.guard(record));
    edit.writes.push_back({record, std::move(value)});
  };
  const auto present = present_settings(write.key);
  std::optional<Settings> held;
  if (write.value && present) {
    TRY(const Settings wanted, written_settings(write));
    held = decide::held_back(staged ? under_way->second.held : *present, wanted);
    if (held && !can_stand(write, *held, desired_.network)) held.reset();
    const bool same = staged && held && same_settings(*present, wanted) && same_settings(*held, under_way->second.held);
    if (same) return {};
  }
  if (!held) {
    if (staged) put(std::nullopt);
    return {};
  }
  decide::StagedChange change;
  change.what = write.key;
  change.held = std::move(*held);
  // What the sites that had the one before are now is no measure for this one.
  if (staged) change.healthy = under_way->second.healthy;
  change.by = act.by.name;
  change.at = runtime_.wall();
  put(print_json(to_json(change)));
  return {};
}

Snapshot Control::snapshot_for(const SiteId& site, const Given& given) {
  Snapshot snapshot = given.snapshot;
  for (const auto& [what, change] : given.staged) {
    const bool reached = std::ranges::find(change.reached, site) != change.reached.end();
    if (!reached) put_settings(snapshot, what, change.held);
  }
  return snapshot;
}

/// Of one that could not even tell which it was, the one that it was given last. None: 0.
int64_t Control::refused_version(const SiteReport& report) const {
  if (!report.refused) return 0;
  if (report.refused->version != 0) return report.refused->version;
  const auto last = given_to_.find(report.site);
  return last == given_to_.end() ? 0 : last->second.version;
}

void Control::give_snapshot(const SiteReport& report, const Given& given, SiteOrders& orders) {
  const int64_t version = given.snapshot.version;
  if (version == report.snapshot_version) return;
  const Time now = runtime_.now();
  const auto last = given_to_.find(report.site);
  const bool refused = report.refused && refused_version(report) == version;
  // A site that cannot tell which one it refuses may mean one before, where this one was lost on its way.
  const bool told = refused && report.refused->version != 0;
  if (told || (refused && now - last->second.at < unreadable_again_after)) return;
  orders.snapshot = snapshot_for(report.site, given);
  given_to_[report.site] = {version, now};
}

/// Once sites are given what the state says.
void Control::note_given() {
  gives_ = true;
  if (!given_) return;
  for (const auto& [what, change] : given_->staged) {
    const auto staging = staging_.find(what);
    if (staging == staging_.end()) continue;
    for (const SiteId& site : change.reached) staging->second.sites.try_emplace(site, Staging::At{runtime_.now(), {}});
  }
}

/// Of every site once, however many changes are on their way.
void Control::note_health() {
  health_.clear();
  const auto moves = [](const auto& entry) { return entry.second.stage != decide::Stage::failed; };
  if (std::ranges::none_of(desired_.staged, moves)) return;
  for (const auto& [site, seen] : observed_.sites()) health_[site] = decide::health_of(seen.report.flows);
}

std::vector<decide::StageSite> Control::stage_sites(const decide::StagedChange& change) const {
  std::vector<decide::StageSite> sites;
  const Time now = runtime_.now();
  const int64_t given = desired_.revision_of(key::staged(change.what));
  const auto is_in = [](const std::vector<SiteId>& list, const SiteId& id) {
    return std::ranges::find(list, id) != list.end();
  };
  for (const Site& site : desired_.network.sites) {
    if (!is_staged_at(site)) continue;
    decide::StageSite one{.site = site.id, .active = site.status == SiteStatus::active};
    const Observation* seen = observed_.of(site.id);
    one.connected = observed_.connected(site.id, now);
    one.heard = seen != nullptr;
    one.silent_for = now - (seen == nullptr ? observed_.started() : seen->last);
    if (seen != nullptr) {
      one.holds = seen->report.snapshot_version >= given;
      if (seen->report.refused && refused_version(seen->report) >= given) one.refused = seen->report.refused->why;
      const bool before = !is_in(change.reached, site.id) || is_in(change.aside, site.id);
      one.stands_aside = seen->report.refused && before;
      const auto health = health_.find(site.id);
      if (health != health_.end() && health->second.contains(change.what)) one.now = health->second.at(change.what);
    }
    sites.push_back(std::move(one));
  }
  return sites;
}

Duration Control::stage_times(const decide::StagedChange& change, std::vector<decide::StageSite>& sites) {
  const Time now = runtime_.now();
  const ports::Revision revision = desired_.revision_of(key::staged(change.what));
  Staging& staging = staging_[change.what];
  if (staging.revision != revision) {
    staging.revision = revision;
    staging.held.reset();
    if (change.reached.empty()) staging.sites.clear();
  }
  size_t holding = 0;
  size_t waiting = 0;
  for (decide::StageSite& site : sites) {
    const auto at = staging.sites.find(site.site);
    if (at != staging.sites.end()) {
      site.given_for = now - at->second.given;
      const bool waits = site.takes_part() && !site.holds;
      if (!waits) at->second.waits.reset();
      if (waits && !at->second.waits) at->second.waits = now;
      site.waits_for = waits ? now - *at->second.waits : Duration::zero();
    }
    const bool reached = std::ranges::find(change.reached, site.site) != change.reached.end();
    if (reached && site.takes_part()) ++(site.holds ? holding : waiting);
  }
  const bool hold = holding > 0 && waiting == 0;
  if (!hold) staging.held.reset();
  if (hold && !staging.held) staging.held = now;
  return staging.held ? now - *staging.held : Duration::zero();
}

/// By whichever member: seen in the state.
void Control::count_rolled_back(const Desired& before) {
  for (const auto& [what, change] : desired_.staged) {
    if (change.stage != decide::Stage::failed) continue;
    const auto old = before.staged.find(what);
    if (old == before.staged.end() || old->second.stage != decide::Stage::failed) ++figures_.rolled_back;
  }
}

void Control::roll_config() {
  stage_writes_.clear();
  std::erase_if(staging_, [this](const auto& entry) { return !desired_.staged.contains(entry.first); });
  const Time now = runtime_.now();
  const bool may_move = now - moved_ >= together_every;
  note_health();
  for (const auto& [what, change] : desired_.staged) {
    if (change.stage != decide::Stage::failed) roll_one(change, may_move);
  }
  if (may_move && !stage_writes_.empty()) moved_ = now;
}

void Control::roll_one(const decide::StagedChange& change, bool may_move) {
  auto sites = stage_sites(change);
  const Duration held_for = stage_times(change, sites);
  const auto step = decide::next_stage(change, sites, held_for, config_.stages);
  if (step.failed) return move_back(change, *step.failed);
  // Again, where those that had it are no more.
  const bool begins = std::ranges::none_of(sites, [&](const decide::StageSite& site) {
    return std::ranges::find(change.reached, site.site) != change.reached.end();
  });
  if (!begins && !may_move) return;
  if (step.done) {
    log_info("configuration is at all sites", {{"what", change.what}});
    stage_writes_.push_back({key::staged(change.what), std::nullopt});
    return;
  }
  if (step.add.empty()) return;
  decide::StagedChange next = change;
  next.stage = begins ? decide::Stage::first : decide::Stage::portions;
  if (begins) next.reached.clear();
  next.reached.insert(next.reached.end(), step.add.begin(), step.add.end());
  for (const decide::StageSite& site : sites) {
    if (begins && site.takes_part() && site.now.requests > 0) next.healthy.try_emplace(site.site.str(), site.now);
    const bool added = std::ranges::find(step.add, site.site) != step.add.end();
    if (added && site.stands_aside) next.aside.push_back(site.site);
  }
  log_info("configuration goes on", {{"what", change.what}, {"sites", std::to_string(next.reached.size())}});
  stage_writes_.push_back(write_json(key::staged(change.what), next));
}

void Control::move_back(decide::StagedChange change, const std::string& why) {
  change.stage = decide::Stage::failed;
  change.reached.clear();
  change.aside.clear();
  change.reason = why;
  log_error("configuration goes back", {{"what", change.what}, {"why", why}});
  const Act act{{"control", "control"}, "config rollback", change.what, tenant_of_settings(change.what)};
  stage_writes_.push_back(audit_entry(act, why));
  stage_writes_.push_back(write_json(key::staged(change.what), change));
}

Result<const decide::StagedChange*> Control::known_change(const std::string& what) const {
  const auto found = desired_.staged.find(what);
  if (found != desired_.staged.end()) return &found->second;
  std::vector<std::string> names;
  for (const auto& [name, change] : desired_.staged) names.push_back(name);
  return fail(Code::not_found,
              "no change of '" + what.substr(0, 200) + "' is on its way; " +
                  (names.empty() ? "none is" : "these are: " + join_text(std::span<const std::string>(names), ", ")),
              "what");
}

Result<void> Control::retry_config(const std::string& what, const Author& by) {
  auto again = [&]() -> Result<Edit> {
    TRY(const decide::StagedChange* change, known_change(what));
    if (change->stage != decide::Stage::failed) {
      return fail(Code::conflict, "it has not failed: it is at " + std::to_string(change->reached.size()) + " sites");
    }
    decide::StagedChange next = *change;
    next.stage = decide::Stage::first;
    next.reason.clear();
    const std::string record = key::staged(what);
    return Edit{{desired_.guard(record)}, {write_json(record, next)}};
  };
  return change({by, "config retry", what, tenant_of_settings(what)}, again);
}

Result<void> Control::force_config(const std::string& what, const Author& by) {
  auto at_once = [&]() -> Result<Edit> {
    TRY_DO(known_change(what));
    const std::string record = key::staged(what);
    return Edit{{desired_.guard(record)}, {{record, std::nullopt}}};
  };
  return change({by, "config force", what, tenant_of_settings(what)}, at_once);
}

NetworkSettings Control::network_settings() const {
  return desired_.coming ? *desired_.coming : settings_of(desired_.network);
}

Result<void> Control::set_network_settings(const NetworkSettings& settings, const Author& by) {
  auto set = [&]() -> Result<Edit> {
    Network next = desired_.network;
    next.operators = settings.operators;
    next.paths = settings.paths;
    TRY_DO(next.check());
    const Settings wanted{.network = settings};
    if (same_settings(wanted, {.network = network_settings()})) return Edit{};
    return Edit{{desired_.guard(key::network)}, {write_network(desired_, settings)}};
  };
  return change({by, "network settings", "network"}, set);
}

api::ConfigView Control::config(const TenantId& viewer) const {
  api::ConfigView view;
  view.snapshot_version = given_ ? given_->snapshot.version : 0;
  view.snapshot_bytes = static_cast<int64_t>(snapshot_bytes_);
  view.most_snapshot_bytes = static_cast<int64_t>(config_.most_snapshot_bytes);
  // It names what is in everybody's snapshot.
  if (viewer.empty()) view.fault = snapshot_fault_;
  view.rolled_back = static_cast<int64_t>(figures_.rolled_back);
  const auto sites = std::ranges::count_if(desired_.network.sites, is_staged_at);
  for (const auto& [what, change] : desired_.staged) {
    if (!viewer.empty() && tenant_of_settings(what) != viewer) continue;
    view.changes.push_back({what, to_name(change.stage), change.reached, sites, change.reason, change.by, change.at});
  }
  if (!viewer.empty()) return view;
  for (const auto& [site, seen] : observed_.sites()) {
    const auto& refused = seen.report.refused;
    if (refused) view.refusals.push_back({site, refused->version, refused->why});
  }
  return view;
}

}  // namespace barrio::control
