#include "agent/agent.h"

#include <algorithm>

#include "agent/disk_format.h"
#include "base/log.h"

namespace barrio::agent {
namespace {

constexpr size_t longest_refusal = 1000;  // bytes of the reason that control is told
constexpr double sync_jitter = 0.2;       // so that a whole network does not call control in step

std::string blob_file(const std::string& sha256) {
  return "blobs/" + sha256;
}

/// What an agent has on disk of one kind; none when missing, unreadable or damaged, which is logged.
template <class T>
std::optional<T> load(SiteFiles& files, const std::string& name) {
  const auto content = files.read(name);
  if (!content) {
    log_warning("cannot read what was kept on disk", {{"file", name}, {"why", content.error().text()}});
    return std::nullopt;
  }
  if (!*content) return std::nullopt;
  auto value = from_disk_text<T>(**content);
  if (!value) {
    log_warning("ignoring a file on disk", {{"file", name}, {"why", value.error().text()}});
    return std::nullopt;
  }
  return std::move(*value);
}

bool same_phases(const std::vector<ports::WorkloadStatus>& a, const std::vector<ports::WorkloadStatus>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.report.id == y.report.id && x.report.phase == y.report.phase && x.report.generation == y.report.generation;
  });
}

std::string hash_off_loop(ports::Runtime& runtime, const std::string& content) {
  std::string hash;
  runtime.offload([&] { hash = sha256_hex(content); });
  return hash;
}

}  // namespace

/// A list, so that the file can grow fields.
struct OrdersOnDisk {
  std::vector<ReplicaOrder> run;
};
BARRIO_DESCRIBE(OrdersOnDisk, (), (run))

Agent::Agent(ports::Runtime& runtime, ports::WorkloadRuntime& workloads, ports::ControlLink& control,
             AgentConfig config, AgentHooks hooks)
    : runtime_(runtime),
      workloads_(workloads),
      control_(control),
      own_files_(std::make_unique<DiskSiteFiles>(runtime, config.data_folder)),
      files_(*own_files_),
      config_(std::move(config)),
      hooks_(std::move(hooks)),
      usage_(runtime_, files_) {}

Agent::Agent(ports::Runtime& runtime, ports::WorkloadRuntime& workloads, ports::ControlLink& control, SiteFiles& files,
             AgentConfig config, AgentHooks hooks)
    : runtime_(runtime),
      workloads_(workloads),
      control_(control),
      files_(files),
      config_(std::move(config)),
      hooks_(std::move(hooks)),
      usage_(runtime_, files_) {}

void Agent::run() {
  work_changed_ = runtime_.make_signal();
  local_changed_ = runtime_.make_signal();
  load_from_disk();
  loaded_ = true;
  if (hooks_.log != nullptr) {
    evidence_ = std::make_unique<SiteEvidence>(runtime_, files_, *hooks_.log, config_.site);
  }
  if (!config_.standby) take_over();
  if (hooks_.cut_usage) runtime_.spawn("usage " + config_.site.str(), [this] { usage_loop(); });
  while (!runtime_.stopping()) {
    local_step();
    work_changed_->wait_until(runtime_.now() + config_.period);
  }
}

void Agent::take_over() {
  if (std::exchange(linked_, true)) return;
  runtime_.spawn("link " + config_.site.str(), [this] { link_loop(); });
}

void Agent::stand_down() {
  stood_down_ = true;
}

std::optional<std::vector<std::string>> Agent::not_ready() const {
  if (!loaded_) return std::nullopt;
  std::vector<std::string> missing;
  for (const ReplicaOrder& order : orders_) {
    const auto is_this = [&](const auto& item) { return item.id == order.id; };
    const bool believed = snapshot_ && std::ranges::any_of(snapshot_->replicas, [&](const Replica& replica) {
                            return is_this(replica) && replica.phase == ReplicaPhase::ready;
                          });
    if (!believed || order.leave_within) continue;
    const auto status = std::ranges::find_if(local_, [&](const auto& item) { return is_this(item.report); });
    if (status == local_.end()) {
      missing.push_back(order.id.str() + " (not started)");
    } else if (status->report.phase != ReplicaPhase::ready) {
      missing.push_back(order.id.str() + " (" + status->report.detail + ")");
    }
  }
  return missing;
}

void Agent::load_from_disk() {
  if (auto snapshot = load<Snapshot>(files_, snapshot_file))
    adopt(std::make_shared<const Snapshot>(std::move(*snapshot)));
  if (auto orders = load<OrdersOnDisk>(files_, orders_file)) {
    orders_ = std::move(orders->run);
    have_orders_ = true;
    obtain_files(false);
  }
}

// --- the link to control ---

void Agent::link_loop() {
  while (!runtime_.stopping() && !stood_down_) {
    sync_once();
    const Duration jitter = from_ms(to_ms(config_.sync_period) * sync_jitter * runtime_.rng().unit());
    local_changed_->wait_until(runtime_.now() + config_.sync_period + jitter);
  }
}

void Agent::sync_once() {
  SiteReport now = report();
  if (runtime_.now() >= next_shipment_) now.usage = usage_.shipment();
  if (now.usage) next_shipment_ = runtime_.now() + config_.usage_shipped;
  const bool more_usage = now.usage && now.usage->through < usage_.sequence();
  auto orders = control_.sync(now);
  if (orders.has_value() == control_away_) {
    control_away_ = !orders;
    if (orders)
      log_info("control is back", {{"site", config_.site.str()}});
    else
      log_warning("control is away; going on with the last orders",
                  {{"site", config_.site.str()}, {"why", orders.error().text()}});
  }
  if (!orders || stood_down_) return;
  if (now.usage && orders->usage_through) {
    usage_.acknowledged(*orders->usage_through);
    if (more_usage) next_shipment_ = {};
  }
  take(std::move(*orders));
  obtain_files(true);
  forget_old_files();
}

SiteReport Agent::report() const {
  SiteReport report;
  report.site = config_.site;
  report.snapshot_version = snapshot_ ? snapshot_->version : 0;
  report.gateway = config_.gateway_address;
  for (const ports::WorkloadStatus& status : local_) report.replicas.push_back(status.report);
  for (const ReplicaOrder& order : orders_) {
    const bool listed =
        std::any_of(local_.begin(), local_.end(), [&](const auto& status) { return status.report.id == order.id; });
    if (listed || order.leave_within) continue;  // one that has left is simply not there any more
    ReplicaReport missing{order.id, order.generation, ReplicaPhase::starting, "not started yet", 0, 0};
    if (without_room_.contains(order.id)) missing.detail = "waits until others have made room for it at this site";
    const auto start_fault = start_fault_.find(order.id);
    for (const std::string& sha256 : files_of(order)) {
      const auto fault = file_fault_.find(sha256);
      if (fault != file_fault_.end()) missing.detail = fault->second;
    }
    if (start_fault != start_fault_.end()) {
      missing.phase = ReplicaPhase::failed;
      missing.detail = start_fault->second;
    }
    report.replicas.push_back(std::move(missing));
  }
  if (hooks_.flows) report.flows = hooks_.flows();
  report.refused = refused_;
  report.runs = workloads_.runs();
  if (hooks_.in_flight) report.in_flight = static_cast<int64_t>(hooks_.in_flight());
  return report;
}

void Agent::take(SiteOrders orders) {
  if (orders.unreadable) refuse(std::move(*orders.unreadable));
  if (orders.snapshot) {
    if (auto good = orders.snapshot->check_at(config_.site); good) {
      auto snapshot = std::make_shared<const Snapshot>(std::move(*orders.snapshot));
      refused_.reset();
      // In this order: one that ends this process is not found on disk by the next.
      adopt(snapshot);
      save(snapshot_file, snapshot_text_.of(snapshot));
    } else {
      refuse({orders.snapshot->version, good.error().text()});
    }
  }
  OrdersOnDisk wanted{std::move(orders.run)};
  std::string text = to_disk_text(wanted);
  orders_ = std::move(wanted.run);
  have_orders_ = true;
  if (std::exchange(orders_text_, text) != text) work_changed_->notify();
  save(orders_file, std::move(text));
}

void Agent::save(const std::string& name, std::string content) {
  const auto saved = saved_.find(name);
  if (saved != saved_.end() && saved->second == content) return;
  const auto written = files_.write(name, content);
  // A full disk must not stop the site: it works from memory, and the next round tries again.
  if (!written)
    log_error("cannot keep orders on disk", {{"file", name}, {"why", written.error().text()}});
  else
    saved_[name] = std::move(content);
}

void Agent::adopt(std::shared_ptr<const Snapshot> snapshot) {
  snapshot_ = std::move(snapshot);
  for (auto rack = racks_.begin(); rack != racks_.end();) {
    const bool runs = std::ranges::any_of(local_, [&](const auto& status) { return status.report.id == rack->first; });
    rack = runs ? std::next(rack) : racks_.erase(rack);
  }
  bool news = false;
  for (const Replica& replica : snapshot_->replicas) {
    if (replica.site != config_.site || !replica.seat) continue;
    news = news || rack_of(replica.id) != replica.seat->rack;
    racks_[replica.id] = replica.seat->rack;
  }
  if (news) work_changed_->notify();  // it may have been waited for
  if (hooks_.on_snapshot) hooks_.on_snapshot(snapshot_);
}

/// The last good one stays, in memory and on disk; control hears of it.
void Agent::refuse(RefusedSnapshot refused) {
  const bool news = !refused_ || refused_->version != refused.version;
  if (news) {
    log_error("this snapshot is not taken; going on with the one before",
              {{"site", config_.site.str()}, {"version", std::to_string(refused.version)}, {"why", refused.why}});
  }
  refused_ = std::move(refused);
  refused_->why.resize(std::min(refused_->why.size(), longest_refusal));
}

void Agent::obtain_files(bool control_is_there) {
  std::set<std::string> wanted;
  for (const ReplicaOrder& order : orders_) {
    for (std::string& sha256 : files_of(order)) wanted.insert(std::move(sha256));
  }
  for (const std::string& sha256 : wanted) {
    if (obtained_.contains(sha256)) continue;
    const auto obtained = obtain_file(sha256, control_is_there);
    if (!obtained) {
      file_fault_[sha256] = "waits for its file: " + obtained.error().text();
      log_warning("no file yet", {{"site", config_.site.str()}, {"sha256", sha256}, {"why", obtained.error().text()}});
      continue;
    }
    file_fault_.erase(sha256);
    obtained_.insert(sha256);
    work_changed_->notify();
  }
}

Result<void> Agent::obtain_file(const std::string& sha256, bool control_is_there) {
  TRY(auto kept, files_.read(blob_file(sha256)));
  if (kept && hash_off_loop(runtime_, *kept) == sha256) return {};
  if (!control_is_there) return fail(Code::unavailable, "it is not on this site's disk");
  TRY(auto content, control_.fetch_blob(sha256));
  if (hash_off_loop(runtime_, content) != sha256) return fail(Code::unavailable, "control sent other content");
  return files_.write(blob_file(sha256), content);
}

void Agent::forget_old_files() {
  for (auto file = obtained_.begin(); file != obtained_.end();) {
    const bool wanted = std::any_of(orders_.begin(), orders_.end(), [&](const ReplicaOrder& order) {
      const auto files = files_of(order);
      return std::ranges::find(files, *file) != files.end();
    });
    const std::string sha256 = *file++;
    if (wanted) continue;
    obtained_.erase(sha256);
    const auto removed = files_.remove(blob_file(sha256));
    if (!removed) log_warning("cannot remove an old file", {{"sha256", sha256}, {"why", removed.error().text()}});
    return;  // one a round: removing parks, and the set may have changed meanwhile
  }
}

// --- usage ---

void Agent::usage_loop() {
  while (!runtime_.stopping()) {
    journal_usage();
    log_evidence();
    runtime_.sleep_for(config_.usage_period);
  }
  // A period may be left from before, and there is the present one.
  journal_usage();
  journal_usage();
}

/// One period of each meter: the present one, unless one before it could not be kept.
void Agent::journal_usage() {
  if (!usage_.loaded() && hooks_.journal_is_ours && !hooks_.journal_is_ours()) return;
  const auto kept = journal_one();
  if (kept) return;
  log_error("cannot keep usage on disk; it waits in the gateway's memory",
            {{"site", config_.site.str()}, {"why", kept.error().text()}});
}

Result<void> Agent::journal_one() {
  if (!usage_.loaded()) TRY_DO(usage_.load());
  if (evidence_ && !evidence_->loaded()) TRY_DO(evidence_->load());
  for (UsageRecord& record : hooks_.cut_usage(usage_.journaled())) {
    if (evidence_) TRY_DO(evidence_->add(record, snapshot_.get()));
    TRY_DO(usage_.add(std::move(record)));
  }
  return {};
}

void Agent::log_evidence() {
  if (!evidence_ || !evidence_->loaded()) return;
  const auto snapshot = snapshot_;  // logging parks, and these may change meanwhile
  const auto orders = orders_;
  const auto running = local_;
  const auto logged = evidence_->log(runtime_.wall(), snapshot.get(), orders, running);
  const bool away = !logged.has_value();
  if (away && !log_away_) {
    log_error("cannot append to this site's log; what is to be said waits on disk",
              {{"site", config_.site.str()}, {"why", logged.error().text()}});
  }
  if (!away && log_away_) log_info("this site's log takes leaves again", {{"site", config_.site.str()}});
  log_away_ = away;
}

// --- what runs here ---

void Agent::withdraw_leaving(std::vector<ports::WorkloadStatus>& listed) {
  const auto state_of = [this](const ReplicaOrder& order) {
    return hooks_.leaving ? hooks_.leaving(order) : LeaveState();
  };
  leaving_.look(orders_, state_of, runtime_.now());
  for (ports::WorkloadStatus& status : listed) {
    if (leaving_.withdrawn(status.report.id)) status.report.phase = ReplicaPhase::stopping;
  }
}

void Agent::local_step() {
  auto listed = workloads_.list();
  if (!listed) {
    log_error("cannot list what runs here", {{"site", config_.site.str()}, {"why", listed.error().text()}});
    return;
  }
  withdraw_leaving(*listed);
  const bool news = !same_phases(local_, *listed);
  local_ = std::move(*listed);
  if (news) local_changed_->notify();
  if (hooks_.on_local) hooks_.on_local(local_);
  if (!have_orders_) return;
  std::vector<ReplicaReport> observed;
  for (const ports::WorkloadStatus& status : local_) observed.push_back(status.report);
  start_fault_.clear();
  without_room_.clear();
  act(decide::reconcile(orders_, observed, [this](const ReplicaId& id) { return leaving_.may_stop(id); }));
}

/// Empty: the site has none, or nobody said.
std::string Agent::rack_of(const ReplicaId& id) const {
  const auto rack = racks_.find(id);
  return rack == racks_.end() ? "" : rack->second;
}

/// Its order came before the snapshot that says where it stands, by a moment where control is there and is understood.
bool Agent::waits_for_rack(const Site& site, const ReplicaId& id) const {
  return site.racks && !control_away_ && !refused_ && rack_of(id).empty();
}

/// Never more than the site has, or one of its racks, whatever order the actions come in: what finds no room waits for
/// what gives some back.
void Agent::act(std::vector<decide::Action> actions) {
  const auto snapshot = snapshot_;  // to start parks, and it may change meanwhile
  const Site* site = snapshot ? snapshot->network.find(config_.site) : nullptr;
  std::optional<decide::SiteRoom> room;
  if (site != nullptr) room = room_here(*site);
  bool changed = false;
  for (int round = 0; round < 2; ++round) {
    std::vector<decide::Action> waiting;
    for (const decide::Action& action : actions) {
      const auto* start = std::get_if<decide::StartReplica>(&action);
      if (start != nullptr && site != nullptr && waits_for_rack(*site, start->order.id)) continue;
      if (start != nullptr && room &&
          !room->admits(start->order.id, start->order.resources, rack_of(start->order.id))) {
        waiting.push_back(action);
        continue;
      }
      const auto applied = apply(action, room);
      changed = changed || (applied && *applied);
      if (!applied) log_warning("cannot repair", {{"site", config_.site.str()}, {"why", applied.error().text()}});
    }
    actions = std::move(waiting);
  }
  for (const decide::Action& action : actions) {
    without_room_.insert(std::get<decide::StartReplica>(action).order.id);
  }
  if (!changed && !without_room_.empty()) give_up_one(*site, *room);
}

/// Two that wait for each other's room would do so for ever: one that is to be replaced ends before its successor
/// begins, if all that is ordered has room together, and nothing else is on its way.
void Agent::give_up_one(const Site& site, const decide::SiteRoom& room) {
  decide::SiteRoom wanted(site);
  for (const ReplicaOrder& order : orders_) {
    const std::string rack = rack_of(order.id);
    if (order.leave_within || !wanted.admits(order.id, order.resources, rack)) return;
    wanted.take(order.id, order.resources, rack);
  }
  for (const ports::WorkloadStatus& status : local_) {
    const ReplicaReport& report = status.report;
    const bool rests = report.phase == ReplicaPhase::ready || report.phase == ReplicaPhase::failed;
    if (!rests || report.coming != 0) return;
  }
  const auto replaced = std::ranges::find_if(without_room_, [&](const ReplicaId& id) { return room.has(id); });
  if (replaced == without_room_.end()) return;
  log_warning("ends before its successor begins: there is no room for both", {{"replica", replaced->str()}});
  const auto stopped = workloads_.stop(*replaced);
  if (!stopped) log_warning("cannot stop", {{"replica", replaced->str()}, {"why", stopped.error().text()}});
}

/// What runs here takes what was asked for it when it was started; of what this process did not start itself, what its
/// order says.
decide::SiteRoom Agent::room_here(const Site& site) {
  const auto status_of = [this](const ReplicaId& id) {
    return std::ranges::find(local_, id, [](const ports::WorkloadStatus& status) { return status.report.id; });
  };
  std::erase_if(started_, [&](const auto& entry) { return status_of(entry.first) == local_.end(); });
  decide::SiteRoom room(site);
  for (const ports::WorkloadStatus& status : local_) {
    auto& generations = started_[status.report.id];
    std::erase_if(generations, [&](const auto& entry) { return entry.first < status.report.generation; });
    const auto order = std::ranges::find(orders_, status.report.id, &ReplicaOrder::id);
    const bool says = order != orders_.end() && (generations.empty() || order->generation == status.report.generation);
    if (says) generations.try_emplace(status.report.generation, order->resources);
    const std::string rack = rack_of(status.report.id);
    for (const auto& [generation, resources] : generations) room.take(status.report.id, resources, rack);
  }
  return room;
}

/// False: it waits for a file.
Result<bool> Agent::apply(const decide::Action& action, std::optional<decide::SiteRoom>& room) {
  if (const auto* stop = std::get_if<decide::StopReplica>(&action)) {
    TRY_DO(workloads_.stop(stop->id));
    if (room) room->free(stop->id);
    return true;
  }
  const ReplicaOrder& order = std::get<decide::StartReplica>(action).order;
  ports::WorkloadSpec spec{order, ""};
  for (const std::string& sha256 : files_of(order)) {
    if (!obtained_.contains(sha256)) return false;  // the link loop is at it; its report says so
  }
  const std::string& file = order.content();
  if (!file.empty()) spec.file_path = files_.path(blob_file(file));
  if (spec.order.pipeline) {
    for (PipelineStep& step : spec.order.pipeline->steps) {
      if (!step.model.sha256.empty()) step.model.file = files_.path(blob_file(step.model.sha256));
    }
  }
  const auto started = workloads_.ensure(spec);
  if (!started) start_fault_[order.id] = started.error().text();
  TRY_DO(started);
  started_[order.id][order.generation] = order.resources;
  if (room) room->take(order.id, order.resources, rack_of(order.id));
  return true;
}

}  // namespace barrio::agent
