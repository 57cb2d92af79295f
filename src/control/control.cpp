#include "control/control.h"

#include <algorithm>
#include <iterator>

#include "base/log.h"

namespace barrio::control {

namespace {

constexpr size_t most_replicas_reported = 1024;
constexpr size_t most_flows_reported = 8192;
constexpr size_t most_gateway_text = 255;
constexpr size_t most_refusal_text = 2000;
constexpr size_t most_writes_a_step = 100;  // and their guards: within what a commit may have

Result<void> check_report(const SiteReport& report) {
  if (report.replicas.size() > most_replicas_reported) {
    return fail(Code::invalid, "more than " + std::to_string(most_replicas_reported) + " replicas", "replicas");
  }
  if (report.flows.size() > most_flows_reported) {
    return fail(Code::invalid, "more than " + std::to_string(most_flows_reported) + " flows", "flows");
  }
  if (report.refused && report.refused->why.size() > most_refusal_text) {
    return fail(Code::invalid, "longer than " + std::to_string(most_refusal_text) + " bytes", "refused.why");
  }
  if (report.gateway.size() > most_gateway_text) return fail(Code::invalid, "too long for an address", "gateway");
  return {};
}

}  // namespace

Control::Control(ports::Runtime& runtime, ports::StateStore& state, ControlConfig config, BlobStore* blobs,
                 UsageBook* usage)
    : runtime_(runtime),
      config_(std::move(config)),
      leadership_(runtime, state, config_.leadership),
      state_(runtime, state, {.noted = key::changed}),
      blobs_(blobs),
      usage_(usage),
      accounts_(runtime, state_, config_.accounts),
      observed_(runtime.now()),
      events_(runtime),
      stepping_(runtime),
      counting_(runtime),
      changed_(runtime.make_signal()) {
  state_.fence_by(leadership_);
}

Result<void> Control::start() {
  TRY_DO(leadership_.step());
  return leadership_.leads() ? begin_to_lead() : follow();
}

/// With a lead that it took after another member's, only once it has read what that one wrote.
bool Control::leads() const {
  return leadership_.leads() && led_ == leadership_.figures().taken;
}

/// What another member knew of sites only in its memory comes anew from them, so their silence is counted from now.
Result<void> Control::begin_to_lead() {
  gives_ = false;
  const uint64_t lead = leadership_.figures().taken;
  TRY_DO(import_network());
  TRY_DO(accounts_.start());
  TRY_DO(load());
  hear_sites_anew();
  staging_.clear();
  given_to_.clear();
  seen_storage_.clear();
  holdings_.clear();
  spending_.clear();
  hearer_ = static_cast<int64_t>(runtime_.rng().next() >> 1);
  storage_since_ = runtime_.now();
  start_demand();
  led_ = lead;
  auto stepped = step();
  // On a full disk it serves what it has, and goes on once there is room.
  if (!stepped && stepped.error().code != Code::exhausted) return stepped;
  return {};
}

Result<void> Control::follow() {
  const ports::Turn::Hold turn(stepping_);
  lost_.clear();
  waiting_.clear();
  figures_.lost_sites = figures_.moves_wait = figures_.failover_withheld = 0;
  TRY_DO(accounts_.follow());
  TRY_DO(load());
  place();
  publish();
  return {};
}

Result<void> Control::import_network() {
  TRY(auto present, state_.get(key::network));
  if (present) return {};
  TRY_DO(config_.network.check());
  const auto writes = import_writes(config_.network);
  // Its own key, the first, comes last: it says that all of its sites are there.
  for (size_t from = 1; from < writes.size(); from += most_writes_a_step) {
    const auto begin = writes.begin() + static_cast<std::ptrdiff_t>(from);
    const auto end = writes.begin() + static_cast<std::ptrdiff_t>(std::min(from + most_writes_a_step, writes.size()));
    TRY_DO(state_.commit({{key::network, 0}}, {begin, end}));
  }
  TRY_DO(state_.commit({{key::network, 0}}, {writes.front()}));
  log_info("network imported",
           {{"network", config_.network.name}, {"sites", std::to_string(config_.network.sites.size())}});
  return {};
}

Result<void> Control::load() {
  // One key tells whether there is anything new to read.
  TRY(const auto present, state_.get(key::changed));
  if (given_ && present && present->revision == desired_.revision_of(key::changed)) return {};
  TRY(auto listing, state_.list(ports::KeyRange{"", "", aside}));
  TRY(Desired read, read_desired(listing, documents_));
  const Desired before = std::exchange(desired_, std::move(read));
  if (before.revision == 0) return {};
  events_.compare(before, desired_);
  count_rolled_back(before);
  return {};
}

void Control::run() {
  runtime_.spawn("leadership", [this] { leadership_.run(); });
  runtime_.spawn("improvement", [this] { keep_improving(); });
  runtime_.spawn("spending", [this] {
    while (!runtime_.stopping()) {
      runtime_.sleep_until(runtime_.now() + 1s);
      if (runtime_.stopping()) return;
      if (auto done = count_spending(); !done)
        log_warning("cannot count what is spent", {{"why", done.error().text()}});
    }
  });
  while (!runtime_.stopping()) turn();
}

void Control::keep_improving() {
  while (!runtime_.stopping()) {
    runtime_.sleep_until(runtime_.now() + config_.improve_every);
    // The search takes seconds of a processor: none begins that the end of this process would have to wait for.
    if (runtime_.stopping() || !leads()) continue;
    if (auto done = improve(); !done) log_warning("cannot improve", {{"why", done.error().text()}});
  }
}

void Control::turn() {
  const Time next = runtime_.now() + 1s;
  if (leadership_.leads()) {
    // A step is logged and counted there; the next one repairs.
    auto done = leads() ? step() : begin_to_lead();
    if (done) forget_old();
    if (!done && !leads()) log_warning("cannot lead yet", {{"why", done.error().text()}});
    if (!runtime_.stopping()) changed_->wait_until(next);
    return;
  }
  gives_ = false;
  if (auto done = follow(); !done) {
    log_warning("cannot follow", {{"why", done.error().text()}});
    return runtime_.sleep_until(next);
  }
  if (auto seen = state_.wait_for_change(followed_, next)) followed_ = *seen;
}

Result<void> Control::step() {
  const ports::Turn::Hold turn(stepping_);
  return step_holding();
}

Result<void> Control::step_holding() {
  ++figures_.steps;
  Result<void> stepped;
  for (int attempt = 0; attempt < ports::change_attempts; ++attempt) {
    stepped = step_once();
    if (stepped || stepped.error().code != Code::conflict) break;
  }
  if (!stepped) {
    ++figures_.failed_steps;
    log_warning("step failed", {{"why", stepped.error().text()}});
    return stepped;
  }
  if (auto made = accounts_.make_waiting(); !made)
    log_warning("cannot make the accounts of control's file", {{"why", made.error().text()}});
  return stepped;
}

/// Sites are given what is written, also where there is no room to write more.
Result<void> Control::step_once() {
  TRY_DO(load());
  auto written = decide_and_write();
  if (!written && written.error().code != Code::exhausted) return written;
  publish();
  note_given();
  std::set<SiteId> connected;
  for (const auto& [site, seen] : observed_.sites()) {
    if (observed_.connected(site, runtime_.now())) connected.insert(site);
  }
  events_.connected(connected);
  tell_lost();
  return written;
}

Result<void> Control::decide_and_write() {
  TRY_DO(end_erased());
  TRY_DO(keep_copies());
  note_apps();
  note_lost();
  place();
  note_moves();
  note_served();
  note_leaving();
  roll_releases();
  roll_config();
  Writes writes;
  std::vector<ports::Guard> guards;
  gather_demand(writes);
  gather(writes, guards);
  if (writes.empty()) return {};
  TRY_DO(state_.commit(std::move(guards), std::move(writes)));
  return load();
}

void Control::place() {
  const decide::PlacementOptions options = placement_options();
  PlacedWith now{.revision = desired_.revision,
                 .apps = sized_apps(),
                 .lost = {},
                 .unheard = options.unheard,
                 .at_unheard = options.at_unheard,
                 .runs = options.runs};
  for (const auto& [site, silence] : options.lost) now.lost.insert(site);
  const bool same = placed_with_.revision == now.revision && placed_with_.same_sites(now);
  if (same && same_demand(now.apps, placed_with_.apps)) return;
  placed_with_ = std::move(now);
  placements_.clear();
  for (auto& placement : decide::place(desired_.network, placed_with_.apps, placed(desired_), options)) {
    const AppKey app = placement.app;
    placements_.emplace(app, std::move(placement));
  }
}

void Control::gather(Writes& writes, std::vector<ports::Guard>& guards) const {
  // Before all else: what is to be made elsewhere must not wait for a step with less to write.
  Writes first = stage_writes_;
  gather_replicas(first);
  writes.insert(writes.begin(), std::make_move_iterator(first.begin()), std::make_move_iterator(first.end()));
  gather_releases(writes);
  for (const auto& [site, seen] : observed_.sites()) {
    auto known = desired_.gateways.find(site.str());
    const bool same = known != desired_.gateways.end() && known->second == seen.report.gateway;
    if (!same && !seen.report.gateway.empty()) writes.push_back(write_gateway(site, seen.report.gateway));
  }
  if (writes.empty()) return;
  if (writes.size() > most_writes_a_step) {
    // The rest comes with the next step. What goes, goes first: a part of the plan never exceeds what the whole does
    // not.
    std::stable_partition(writes.begin(), writes.end(), [](const ports::Write& write) { return !write.value; });
    writes.resize(most_writes_a_step);
    changed_->notify();
  }
  for (const ports::Write& write : writes) guards.push_back(desired_.guard(write.key));
  // Decisions made from the same state must not both be carried out: together they might exceed a site's power.
  guards.push_back(desired_.guard(key::placement));
  writes.push_back({key::placement, "{}"});
}

void Control::gather_replicas(Writes& writes) const {
  const Time now = runtime_.now();
  std::map<ReplicaId, ports::Write> begun;
  Writes phases;
  std::map<ReplicaId, const Replica*> present;
  for (const Replica& replica : desired_.replicas) present.emplace(replica.id, &replica);
  for (const App& app : desired_.apps) {
    auto placement = placements_.find(app.key());
    if (placement == placements_.end()) continue;
    std::vector<decide::PlacedReplica> kept = placement->second.replicas;
    std::ranges::remove_copy_if(placement->second.leaving, std::back_inserter(kept),
                                [this](const auto& replica) { return has_left(replica); });
    for (const decide::PlacedReplica& wanted : kept) {
      if (has_to_wait(wanted.id)) continue;
      Replica replica{wanted.id, wanted.app, wanted.site, ReplicaPhase::starting, target_of(app), wanted.seat};
      auto known = present.extract(wanted.id);
      if (!known.empty()) replica = *known.mapped();
      replica.site = wanted.site;
      replica.seat = wanted.seat;
      if (replica.generation == 0 || advancing_.contains(replica.id)) replica.generation = target_of(app);
      replica.phase = observed_.phase(replica, now);
      if (!known.empty() && replica == *known.mapped()) continue;
      ports::Write write = write_json(key::replica(replica.id), replica);
      if (known.empty() && std::ranges::find(begun_, replica.id) != begun_.end())
        begun.emplace(replica.id, std::move(write));
      else
        phases.push_back(std::move(write));
    }
  }
  // First and in their order, should not all fit into one commit.
  for (const ReplicaId& id : begun_) {
    if (auto write = begun.extract(id); !write.empty()) writes.push_back(std::move(write.mapped()));
  }
  std::ranges::move(phases, std::back_inserter(writes));
  for (const auto& [id, replica] : present) writes.push_back({key::replica(id), std::nullopt});
}

void Control::publish() {
  if (published_revision_ == desired_.revision) return;
  Snapshot next;
  next.network = desired_.network;
  if (desired_.coming) put_settings(next, key::network, {.network = desired_.coming});
  next.apps = desired_.apps;
  next.replicas = desired_.replicas;
  next.keys = accounts_.keys();
  next.gateways = without_cut_off(desired_.gateways);
  next.quotas = desired_.quotas;
  next.api_keys = desired_.api_keys;
  next.revoked_keys = revoked_keys();
  next.spend_stops = spend_stops();
  const std::string text = print_json(to_json(next));
  published_revision_ = desired_.revision;
  snapshot_fault_.clear();
  snapshot_bytes_ = text.size();
  std::string content = text + print_json(to_json(desired_.staged));
  if (given_ && content == published_) return;
  // It only grows, also over restarts and from one leader to the next, and the content is a function of the store
  // alone.
  const ports::Revision changed = desired_.revision_of(key::changed);
  next.version = changed != 0 ? changed : desired_.revision;
  if (auto good = check_snapshot(next, text); !good) {
    snapshot_fault_ = good.error().text();
    log_error("this snapshot is not given out; sites keep the one before", {{"why", snapshot_fault_}});
    return;
  }
  published_ = std::move(content);
  given_ = std::make_shared<const Given>(Given{std::move(next), desired_.staged});
}

bool Control::differs(const SiteReport& report) const {
  auto gateway = desired_.gateways.find(report.site.str());
  if (!report.gateway.empty() && (gateway == desired_.gateways.end() || gateway->second != report.gateway)) return true;
  return std::ranges::any_of(desired_.replicas, [&](const Replica& replica) {
    return replica.site == report.site && observed_.phase(replica, runtime_.now()) != replica.phase &&
           find_app(replica.app) != nullptr;
  });
}

Result<SiteOrders> Control::sync(const SiteReport& report) {
  TRY_DO(check_report(report));
  // What this member knows may be old, and its orders would take the site back to it.
  if (!leads()) return fail(Code::unavailable, "this member of control does not lead");
  if (!given_ || !gives_) return fail(Code::unavailable, "control is starting");
  if (desired_.network.find(report.site) == nullptr) {
    return fail(Code::not_found, "there is no site '" + report.site.str() + "'", "site");
  }
  ++figures_.syncs;
  observed_.note(report, runtime_.now());
  demand_.note(report.site, report.flows, runtime_.now());
  const auto given = given_;  // as the site was given by this time, whatever comes while this waits
  if (differs(report)) changed_->notify();
  SiteOrders orders;
  // A store that fails costs the site no orders: it keeps what it used and sends it again.
  if (report.usage && usage_ != nullptr) {
    if (auto through = usage_->take(report.site, *report.usage)) {
      orders.usage_through = *through;
      // What is refused as a gap is in no bill yet.
      if (*through >= report.usage->through) note_spending(report.site, *report.usage);
    }
  }
  for (const Replica& replica : desired_.replicas) {
    const App* app = replica.site == report.site ? find_app(replica.app) : nullptr;
    if (app == nullptr) continue;
    orders.run.push_back(order_of(replica, *app));
    if (leave_of(replica.id, replica.app) == Leave::goes) orders.run.back().leave_within = config_.drain_grace;
  }
  give_snapshot(report, *given, orders);
  return orders;
}

/// With the values of its secrets, which nobody but its sites is told.
ReplicaOrder Control::order_of(const Replica& replica, const App& app) const {
  const Release* earlier = replica.generation == app.generation ? nullptr : release_of(app.key(), replica.generation);
  const AppSpec& spec = earlier == nullptr ? app.spec : earlier->spec;
  ReplicaOrder order{.id = replica.id,
                     .app = replica.app,
                     .generation = earlier == nullptr ? app.generation : earlier->generation,
                     .model = spec.model,
                     .resources = spec.resources,
                     .pipeline = spec.pipeline,
                     .stream = spec.stream,
                     .container = spec.container,
                     .program = spec.program};
  const ServerSpec* server = spec.server();
  if (server == nullptr) return order;
  for (const auto& [variable, name] : server->secrets) {
    const auto value = desired_.secrets.find(order.app.tenant.str() + "/" + name);
    if (value != desired_.secrets.end()) order.secrets[variable] = value->second;
  }
  return order;
}

const App* Control::find_app(const AppKey& key) const {
  const std::string stored = key::app(key);
  const auto found =
      std::ranges::lower_bound(desired_.apps, stored, {}, [](const App& app) { return key::app(app.key()); });
  return found == desired_.apps.end() || found->key() != key ? nullptr : &*found;
}

}  // namespace barrio::control
