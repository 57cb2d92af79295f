#include "sim/world.h"

#include <algorithm>

#include "agent/disk_format.h"
#include "base/check.h"
#include "decide/latency/path.h"

namespace barrio::sim {
namespace {

constexpr Duration processing = 1ms;
constexpr Duration start_again_after = 500ms;
constexpr size_t control_stands_at = 0;  // the delay to control is that to the first site
// How well control searches is bench_placement's matter; here, that what it finds is carried out.
constexpr uint64_t improve_work = 500'000;

Network without_late(const WorldConfig& config) {
  Network network = config.network;
  network.sites.resize(network.sites.size() - config.late_sites);
  return network;
}

}  // namespace

/// An agent's calls to control, through the simulated network.
class World::Link final : public ports::ControlLink {
 public:
  Link(World& world, size_t site, ports::Runtime& runtime) : world_(world), site_(site), runtime_(runtime) {}
  Result<SiteOrders> sync(const SiteReport& report) override {
    return world_.ask_control<SiteOrders>(site_, runtime_,
                                          [report](control::Control& member) { return member.sync(report); });
  }
  Result<std::string> fetch_blob(const std::string&) override {
    return fail(Code::not_found, "no models in this world");
  }

 private:
  World& world_;
  size_t site_;
  ports::Runtime& runtime_;
};

/// The processes of one site, from boot to crash.
struct World::Life {
  Life(World& world, size_t index)
      : site(world.config_.network.sites[index]),
        runtime(world.loop_, site.id.str(), &world.sites_[index].clock),
        files(runtime, world.sites_[index].disk,
              [&world](const std::string& name, const std::string& content) { world.kept(name, content); }),
        workloads(world.loop_,
                  {.started = [this, &world](const ReplicaOrder& order) { world.checker_.started(order, site); },
                   .ended = [this, &world](const ReplicaId& id) { world.checker_.ended(id, site.id); }},
                  world.config_.starts),
        link(world, index, runtime),
        dispatcher(site.id, runtime.rng().next()),
        meter(world.sites_[index].usage_memory.bytes(), static_cast<int64_t>(runtime.rng().next() >> 1 | 1),
              runtime.wall()),
        agent(runtime, workloads, link, files,
              {.site = site.id,
               .data_folder = "",
               .gateway_address = site.id.str() + ":7000",
               .period = world.config_.agent_period,
               .sync_period = world.config_.agent_period},
              {.on_snapshot =
                   [this, &world, index](auto snapshot) {
                     if (world.checker_.told(site.id, *snapshot)) world.wait_until_heeded(index);
                     if (storage) storage->set_snapshot(snapshot);
                     dispatcher.set_snapshot(std::move(snapshot), runtime.now());
                   },
               .on_local = [this](auto statuses) { dispatcher.set_local(statuses, runtime.now()); },
               .flows = [this] { return dispatcher.flows(runtime.now()); },
               .cut_usage =
                   [this](std::span<const JournaledPeriod> done) {
                     return meter.cut(journaled_of(meter.id(), done), runtime.wall());
                   },
               .leaving =
                   [this](const ReplicaOrder& order) {
                     return agent::LeaveState{.in_flight = dispatcher.in_flight(order.id),
                                              .elsewhere = dispatcher.served_elsewhere(order.app, runtime.now())};
                   }}) {
    if (world.config_.open_store) storage = world.storage_at(index, runtime);
  }

  const Site& site;
  SimRuntime runtime;
  SimSiteFiles files;
  SimWorkloadRuntime workloads;
  Link link;
  gateway::Dispatcher dispatcher;
  gateway::Meter meter;
  agent::Agent agent;
  std::unique_ptr<SiteStorage> storage;  // null: none
};

/// One process of control, with its way to the store.
struct World::MemberLife {
  MemberLife(World& world, size_t index)
      : runtime(world.loop_, "control-" + std::to_string(index), &world.members_[index]->clock),
        reached(runtime, world.store_, world.members_[index]->reach),
        fence(runtime, reached, {.prefix = SharedStore::state}),
        state(reached, SharedStore::state),
        usage_store(fence, SharedStore::usage),
        usage(runtime, usage_store),
        control(runtime, state,
                {.network = without_late(world.config_),
                 .accounts = {},
                 .leadership = {.self = {"control-" + std::to_string(index), "127.0.0.1:1"}},
                 .copies = world.config_.copies,
                 .improve_work = improve_work,
                 .moves = world.config_.moves},
                nullptr, &usage) {
    fence.fence_by(control.leadership());
  }
  SimRuntime runtime;
  ReachedStore reached;
  control::FencedStore fence;
  control::Section state;
  control::Section usage_store;
  control::UsageBook usage;
  control::Control control;
  bool started = false;
};

World::World(WorldConfig config)
    : config_(std::move(config)),
      loop_(config_.seed),
      checker_(config_.network),
      outside_(loop_, "outside"),
      store_(config_.make_state(outside_), [this](const auto& writes) { committed(writes); }),
      sites_(config_.network.sites.size()) {
  for (size_t i = 0; i < sites_.size(); ++i) indices_.emplace(config_.network.sites[i].id, i);
  for (size_t i = 0; i < config_.members; ++i) members_.push_back(std::make_unique<Member>());
  for (size_t i = 0; i < config_.members; ++i) boot_control(i);
  for (size_t i = 0; i < on_time(); ++i) {
    const SiteStatus status = config_.network.sites[i].status;
    if (status == SiteStatus::retired) continue;
    if (status != SiteStatus::planned) running_.push_back(i);
    boot_site(i);  // a planned site's processes may run too: it just takes nothing
  }
}

World::~World() {
  crash_listener_ = nullptr;
  for (size_t i = 0; i < sites_.size(); ++i) crash_site(i);
  for (size_t i = 0; i < members_.size(); ++i) crash_control(i);
}

// --- faults ---

void World::crash_site(size_t site) {
  if (!is_up(site)) return;
  sites_[site].life->runtime.kill();
  sites_[site].life.reset();
  if (config_.open_store) sites_[site].volume.lose_power(loop_.rng());
  checker_.crashed(config_.network.sites[site].id);
  if (crash_listener_) crash_listener_(site);
}

void World::boot_site(size_t site) {
  if (is_up(site)) return;
  if (site >= on_time() && sites_[site].lives == 0) running_.push_back(site);
  ++sites_[site].lives;
  sites_[site].life = std::make_unique<Life>(*this, site);
  Life& life = *sites_[site].life;
  life.runtime.spawn("agent", [&life] { life.agent.run(); });
  if (life.storage) life.storage->run();
  life.runtime.spawn("peers", [this, &life, site] {
    life.runtime.sleep_for(from_ms(1000 * life.runtime.rng().unit()));
    while (true) {
      life.dispatcher.tick(loop_.now());
      ping_peers(site);
      life.runtime.sleep_for(1s);
    }
  });
}

void World::join_site(size_t site) {
  if (!control_is_up()) return;
  joining_.insert(site);
  Site wanted = config_.network.sites[site];
  wanted.status = SiteStatus::planned;
  in_control([wanted](control::Control& control) {
    static_cast<void>(control.add_site(wanted));
    static_cast<void>(control.set_status(wanted.id, SiteStatus::active));
  });
}

std::vector<size_t> World::late_sites() const {
  std::vector<size_t> late(config_.late_sites);
  std::ranges::generate(late, [next = on_time()]() mutable { return next++; });
  return late;
}

void World::crash_control(size_t member) {
  auto& life = members_[member]->life;
  if (!life) return;
  life->runtime.kill();
  life.reset();
}

void World::boot_control(size_t member) {
  if (members_[member]->life) return;
  members_[member]->life = std::make_unique<MemberLife>(*this, member);
  MemberLife& life = *members_[member]->life;
  life.runtime.spawn("loop", [&life] {
    while (!life.control.start()) life.runtime.sleep_for(start_again_after);
    life.started = true;
    life.control.run();
  });
}

void World::lose_usage() {
  for (size_t i = 0; i < members_.size(); ++i) crash_control(i);
  const auto all = store_.inner().list(SharedStore::usage);
  for (const ports::Entry& entry : all->entries) CHECK(store_.inner().commit({}, {{entry.key, std::nullopt}}));
  for (size_t i = 0; i < members_.size(); ++i) boot_control(i);
}

void World::cut(size_t a, size_t b) {
  cut_one_way(a, b);
  cut_one_way(b, a);
}

void World::cut_one_way(size_t from, size_t to) {
  if (from != to) cuts_.insert({from, to});
}

void World::mend_one() {
  if (cuts_.empty()) return;
  auto chosen = cuts_.begin();
  std::advance(chosen, static_cast<std::ptrdiff_t>(loop_.rng().below(cuts_.size())));
  cuts_.erase(chosen);
}

void World::crash_replica(size_t site) {
  if (!is_up(site)) return;
  const auto& replicas = workloads(site).replicas();
  if (replicas.empty()) return;
  auto chosen = replicas.begin();
  std::advance(chosen, static_cast<std::ptrdiff_t>(loop_.rng().below(replicas.size())));
  const ReplicaId id = chosen->first;
  workloads(site).crash(id);
}

void World::heal_all() {
  cuts_.clear();
  config_.loss = 0;
  config_.doubled = 0;
  store_.set_full(false);
  for (size_t i = 0; i < members_.size(); ++i) {
    members_[i]->reach = {};
    members_[i]->clock = {};
    boot_control(i);
  }
  for (const size_t site : joining_) boot_site(site);
  for (const size_t site : running_) {
    sites_[site].disk.full = false;
    sites_[site].disk.write_takes = Disk::usual_write;
    sites_[site].clock = {};
    change_power(site, [&](Site& present) { take_power(present, config_.network.sites[site]); });
    boot_site(site);
  }
}

// --- the network ---

Duration World::rtt(size_t a, size_t b) const {
  const size_t from = a == at_control ? control_stands_at : a;
  const size_t to = b == at_control ? control_stands_at : b;
  const auto& sites = config_.network.sites;
  return 200us + decide::path_rtt(config_.network.paths, sites[from].location, sites[to].location);
}

/// A site keeps the snapshot as it came over the wire: what a site cannot read, control must not give out.
void World::kept(const std::string& name, const std::string& content) {
  if (name != agent::snapshot_file) return;
  if (!readable_.insert(std::hash<std::string_view>()(content)).second) return;
  const auto snapshot = agent::from_disk_text<Snapshot>(content);
  if (!snapshot) checker_.violated("a site was given a snapshot that it cannot read: " + snapshot.error().text());
}

void World::ping_peers(size_t site) {
  for (const size_t peer : running_) {
    if (peer == site) continue;
    gateway::Dispatcher& mine = dispatcher(site);
    const SiteId& id = config_.network.sites[peer].id;
    if (is_up(peer) && !is_cut(site, peer) && !is_cut(peer, site))
      mine.peer_load(id, dispatcher(peer).load_report(loop_.now()), rtt(site, peer), loop_.now());
    else
      mine.peer_failed(id, loop_.now());
  }
}

WallTime World::wall(size_t site) {
  return sites_[site].life->runtime.wall();
}

gateway::Dispatcher& World::dispatcher(size_t site) {
  return sites_[site].life->dispatcher;
}

gateway::Meter& World::meter(size_t site) {
  return sites_[site].life->meter;
}

SiteStorage* World::storage(size_t site) {
  return is_up(site) ? sites_[site].life->storage.get() : nullptr;
}

SimWorkloadRuntime& World::workloads(size_t site) {
  return sites_[site].life->workloads;
}

size_t World::index(const SiteId& site) const {
  const auto found = indices_.find(site);
  CHECK(found != indices_.end());
  return found->second;
}

// --- control ---

bool World::control_is_up() const {
  return std::ranges::any_of(members_, [](const auto& member) { return member->life != nullptr; });
}

std::optional<size_t> World::leader() const {
  for (size_t i = 0; i < members_.size(); ++i) {
    if (leads(i)) return i;
  }
  return std::nullopt;
}

bool World::listens(size_t member) const {
  const auto& life = members_[member]->life;
  return life && life->started;
}

bool World::leads(size_t member) const {
  const auto& life = members_[member]->life;
  return listens(member) && life->control.leadership().leads();
}

std::shared_ptr<const Snapshot> World::wanted() const {
  const auto leads = leader();
  return leads ? members_[*leads]->life->control.snapshot() : nullptr;
}

void World::in_control(std::function<void(control::Control&)> task) {
  CHECK(control_is_up());
  const auto first = std::ranges::find_if(members_, [](const auto& member) { return member->life != nullptr; });
  in_member(leader().value_or(static_cast<size_t>(first - members_.begin())), std::move(task));
}

void World::in_member(size_t member, std::function<void(control::Control&)> task) {
  MemberLife& life = *members_[member]->life;
  life.runtime.spawn("call", [&life, task = std::move(task)] {
    do {
      life.runtime.sleep_for(processing);
    } while (!life.started);  // then its socket opens
    task(life.control);
  });
}

// --- does observed equal desired? ---

std::optional<std::string> World::difference() {
  const auto wanted = this->wanted();
  if (!wanted) return "control is down";
  if (wanted->replicas.empty()) return "control wants nothing";
  for (const size_t site : running_) {
    if (auto difference = difference_at(site, *wanted))
      return config_.network.sites[site].id.str() + ": " + *difference;
  }
  for (const Replica& replica : wanted->replicas) {
    if (replica.phase != ReplicaPhase::ready) return "control does not know that " + replica.id.str() + " is ready";
  }
  return disagreement(*wanted);
}

std::optional<std::string> World::disagreement(const Snapshot& wanted) const {
  // The version is that of the change by which a member first saw it: a later one may have read it after others that
  // changed nothing in it.
  const auto content = [](Snapshot snapshot) {
    snapshot.version = 0;
    return print_json(to_json(snapshot));
  };
  if (members_.size() == 1) return std::nullopt;
  size_t leaders = 0;
  for (const auto& member : members_) {
    const auto& life = member->life;
    if (!life || !life->started) return "a member of control is down";
    leaders += life->control.leadership().leads() ? 1 : 0;
    if (content(*life->control.snapshot()) != content(wanted)) return "members of control have different snapshots";
  }
  return leaders == 1 ? std::nullopt : std::optional(std::to_string(leaders) + " members of control lead");
}

std::optional<std::string> World::difference_at(size_t site, const Snapshot& wanted) {
  if (!is_up(site)) return "is down";
  const Snapshot* seen = dispatcher(site).snapshot();
  if (seen == nullptr || seen->version != wanted.version)
    return "its gateway does not have snapshot " + std::to_string(wanted.version);
  std::map<ReplicaId, bool> ready;
  for (const Replica& replica : wanted.replicas) {
    if (replica.site == config_.network.sites[site].id) ready[replica.id] = false;
  }
  const auto listed = workloads(site).list();
  for (const ports::WorkloadStatus& status : *listed) {
    const auto found = ready.find(status.report.id);
    if (found == ready.end()) return status.report.id.str() + " runs and should not";
    found->second = status.report.phase == ReplicaPhase::ready;
  }
  for (const auto& [id, is_ready] : ready) {
    if (!is_ready) return id.str() + " is not ready";
  }
  return std::nullopt;
}

}  // namespace barrio::sim
