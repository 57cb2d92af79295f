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

bool is_in_snapshot(std::string_view key) {
  return key == key::network || key.starts_with("app/") || key.starts_with("tenant/") || key.starts_with("api_key/") ||
         key.starts_with("site/");
}

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
  for (const ports::Write& write : edit.writes) {
    if (!write.value || !is_in_snapshot(write.key)) continue;
    size_t before = 0;
    const auto app =
        std::ranges::find_if(desired_.apps, [&](const App& one) { return key::app(one.key()) == write.key; });
    if (app != desired_.apps.end()) before = print_json(to_json(*app)).size();
    more += write.value->size() - std::min(before, write.value->size());
  }
  const size_t most = for_changes(config_.most_snapshot_bytes);
  if (more == 0 || snapshot_bytes_ + more <= most) return {};
  return fail(Code::exhausted, "the snapshot that every site keeps would have " + kibibytes(snapshot_bytes_ + more) +
                                   ", and may have " + kibibytes(most) +
                                   ": delete apps or API keys that nobody needs first");
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
  change.by = act.by.name;
  change.at = runtime_.wall();
  put(print_json(to_json(change)));
  return {};
}

Snapshot Control::snapshot_for(const SiteId& site) const {
  Snapshot given = *snapshot_;
  for (const auto& [what, change] : desired_.staged) {
    const bool reached = std::ranges::find(change.reached, site) != change.reached.end();
    if (!reached) put_settings(given, what, change.held);
  }
  return given;
}

std::vector<decide::StageSite> Control::stage_sites(const decide::StagedChange& change) const {
  std::vector<decide::StageSite> sites;
  const Time now = runtime_.now();
  const int64_t given = desired_.revision_of(key::staged(change.what));
  for (const Site& site : desired_.network.sites) {
    if (site.status == SiteStatus::planned || site.status == SiteStatus::retired) continue;
    decide::StageSite one{.site = site.id, .active = site.status == SiteStatus::active};
    const Observation* seen = observed_.of(site.id);
    one.connected = observed_.connected(site.id, now);
    one.silent_for = now - (seen == nullptr ? observed_.started() : seen->last);
    if (seen != nullptr) {
      one.holds = seen->report.snapshot_version >= given;
      if (seen->report.refused && seen->report.refused->version >= given) one.refused = seen->report.refused->why;
      one.now = decide::health_of(seen->report.flows, change.what);
    }
    sites.push_back(std::move(one));
  }
  return sites;
}

decide::StageTimes Control::stage_times(const decide::StagedChange& change,
                                        const std::vector<decide::StageSite>& sites) {
  const Time now = runtime_.now();
  const ports::Revision revision = desired_.revision_of(key::staged(change.what));
  Staging& staging = staging_[change.what];
  if (staging.revision != revision) {
    if (staging.revision == 0 || change.stage == decide::Stage::first) staging.begun = now;
    staging.revision = revision;
    staging.given = now;
    staging.held.reset();
  }
  size_t holding = 0;
  size_t waiting = 0;
  for (const decide::StageSite& site : sites) {
    const bool reached = std::ranges::find(change.reached, site.site) != change.reached.end();
    if (reached && site.connected) ++(site.holds ? holding : waiting);
  }
  const bool hold = holding > 0 && waiting == 0;
  if (!hold) staging.held.reset();
  if (hold && !staging.held) staging.held = now;
  return {.begun_for = now - staging.begun,
          .given_for = now - staging.given,
          .held_for = staging.held ? now - *staging.held : Duration::zero()};
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
  for (const auto& [what, change] : desired_.staged) {
    if (change.stage != decide::Stage::failed) roll_one(change, may_move);
  }
  if (may_move && !stage_writes_.empty()) moved_ = now;
}

void Control::roll_one(const decide::StagedChange& change, bool may_move) {
  const auto sites = stage_sites(change);
  const auto step = decide::next_stage(change, sites, stage_times(change, sites), config_.stages);
  if (step.failed) return move_back(change, *step.failed);
  const bool begins = change.reached.empty();
  if (!begins && !may_move) return;
  if (step.done) {
    log_info("configuration is at all sites", {{"what", change.what}});
    stage_writes_.push_back({key::staged(change.what), std::nullopt});
    return;
  }
  if (step.add.empty()) return;
  decide::StagedChange next = change;
  next.stage = begins ? decide::Stage::first : decide::Stage::portions;
  next.reached.insert(next.reached.end(), step.add.begin(), step.add.end());
  for (const decide::StageSite& site : sites) {
    if (begins && site.connected && site.now.requests > 0) next.healthy[site.site.str()] = site.now;
  }
  log_info("configuration goes on", {{"what", change.what}, {"sites", std::to_string(next.reached.size())}});
  stage_writes_.push_back(write_json(key::staged(change.what), next));
}

void Control::move_back(decide::StagedChange change, const std::string& why) {
  change.stage = decide::Stage::failed;
  change.reached.clear();
  change.healthy.clear();
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
  view.snapshot_version = snapshot_ ? snapshot_->version : 0;
  view.snapshot_bytes = static_cast<int64_t>(snapshot_bytes_);
  view.most_snapshot_bytes = static_cast<int64_t>(config_.most_snapshot_bytes);
  view.fault = snapshot_fault_;
  view.rolled_back = static_cast<int64_t>(figures_.rolled_back);
  for (const auto& [what, change] : desired_.staged) {
    if (!viewer.empty() && tenant_of_settings(what) != viewer) continue;
    const auto sites = static_cast<int64_t>(stage_sites(change).size());
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
