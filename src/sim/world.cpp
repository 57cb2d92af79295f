#include "sim/world.h"

#include <algorithm>

#include "base/check.h"
#include "decide/latency/path.h"

namespace barrio::sim {
namespace {

constexpr Duration call_timeout = 2s;
constexpr Duration connect_refused_after = 5ms;
constexpr Duration processing = 1ms;
constexpr size_t control_stands_at = 0;  // the delay to control is that to the first site

}  // namespace

/// An agent's calls to control, through the simulated network.
class World::Link final : public ports::ControlLink {
 public:
  Link(World& world, size_t site, ports::Runtime& runtime) : world_(world), site_(site), runtime_(runtime) {}
  Result<SiteOrders> sync(const SiteReport& report) override { return world_.call_control(site_, runtime_, report); }
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
        runtime(world.loop_, site.id.str()),
        files(runtime, world.sites_[index].disk),
        workloads(world.loop_, [this, &world](const ReplicaOrder& order) { world.checker_.started(order.app, site); }),
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
              {.on_snapshot = [this](auto snapshot) { dispatcher.set_snapshot(std::move(snapshot), runtime.now()); },
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
                   }}) {}

  const Site& site;
  SimRuntime runtime;
  SimSiteFiles files;
  SimWorkloadRuntime workloads;
  Link link;
  gateway::Dispatcher dispatcher;
  gateway::Meter meter;
  agent::Agent agent;
};

World::World(WorldConfig config)
    : config_(std::move(config)),
      loop_(config_.seed),
      checker_(config_.network),
      outside_(loop_, "outside"),
      state_(config_.make_state(outside_)),
      usage_state_(make_usage_state()),
      sites_(config_.network.sites.size()) {
  boot_control();
  for (size_t i = 0; i < sites_.size(); ++i) {
    const SiteStatus status = config_.network.sites[i].status;
    if (status == SiteStatus::retired) continue;
    if (status != SiteStatus::planned) running_.push_back(i);
    boot_site(i);  // a planned site's processes may run too: it just takes nothing
  }
}

World::~World() {
  crash_listener_ = nullptr;
  for (size_t i = 0; i < sites_.size(); ++i) crash_site(i);
  crash_control();
}

// --- faults ---

void World::crash_site(size_t site) {
  if (!is_up(site)) return;
  sites_[site].life->runtime.kill();
  sites_[site].life.reset();
  if (crash_listener_) crash_listener_(site);
}

void World::boot_site(size_t site) {
  if (is_up(site)) return;
  ++sites_[site].lives;
  sites_[site].life = std::make_unique<Life>(*this, site);
  Life& life = *sites_[site].life;
  life.runtime.spawn("agent", [&life] { life.agent.run(); });
  life.runtime.spawn("peers", [this, &life, site] {
    life.runtime.sleep_for(from_ms(1000 * life.runtime.rng().unit()));
    while (true) {
      life.dispatcher.tick(loop_.now());
      ping_peers(site);
      life.runtime.sleep_for(1s);
    }
  });
}

void World::crash_control() {
  if (!control_is_up()) return;
  control_life_->runtime.kill();
  control_life_.reset();
}

std::unique_ptr<ports::StateStore> World::make_usage_state() {
  return config_.make_usage_state ? config_.make_usage_state(outside_) : config_.make_state(outside_);
}

void World::lose_usage() {
  crash_control();
  usage_state_ = make_usage_state();
  boot_control();
}

void World::boot_control() {
  if (control_is_up()) return;
  control_life_ = std::make_unique<ControlLife>(loop_, *state_, *usage_state_, config_.network);
  ControlLife& life = *control_life_;
  life.runtime.spawn("loop", [&life] {
    CHECK(life.control.start().has_value());
    life.started = true;
    life.control.run();
  });
}

void World::cut(size_t a, size_t b) {
  if (a != b) cuts_.insert(std::minmax(a, b));
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
  boot_control();
  for (const size_t site : running_) boot_site(site);
}

// --- the network ---

Duration World::rtt(size_t a, size_t b) const {
  const size_t from = a == at_control ? control_stands_at : a;
  const size_t to = b == at_control ? control_stands_at : b;
  const auto& sites = config_.network.sites;
  return 200us + decide::path_rtt(config_.network.paths, sites[from].location, sites[to].location);
}

Result<SiteOrders> World::call_control(size_t site, ports::Runtime& caller, const SiteReport& report) {
  // Outlives the caller, whose site may crash before the answer comes.
  struct Exchange {
    std::unique_ptr<ports::Signal> answered;
    std::optional<Result<SiteOrders>> answer;
  };
  auto exchange = std::make_shared<Exchange>();
  exchange->answered = caller.make_signal();
  const Time deadline = caller.now() + call_timeout;
  const Duration one_way = rtt(site, at_control) / 2;
  const bool lost = loop_.rng().unit() < config_.loss;
  if (loop_.rng().unit() < config_.doubled) again_later(site, report);
  caller.sleep_for(one_way);
  if (!is_cut(site, at_control) && !control_is_up()) {
    caller.sleep_for(connect_refused_after);
    return fail(Code::unavailable, "control: connection refused");
  }
  if (!is_cut(site, at_control) && !lost) {
    in_control([this, exchange, report, site, one_way](control::Control& there) {
      auto answer = std::make_shared<Result<SiteOrders>>(there.sync(report));
      loop_.after(one_way, [this, exchange, answer, site, gone = loop_.rng().unit() < config_.loss] {
        if (gone || is_cut(site, World::at_control)) return;
        exchange->answer = std::move(*answer);
        exchange->answered->notify();
      });
    });
  }
  exchange->answered->wait_until(deadline);
  if (!exchange->answer) return fail(Code::timed_out, "control did not answer");
  return std::move(*exchange->answer);
}

void World::again_later(size_t site, const SiteReport& report) {
  loop_.after(from_ms(3000 * loop_.rng().unit()), [this, site, report] {
    if (!control_is_up() || is_cut(site, at_control)) return;
    in_control([report](control::Control& there) { static_cast<void>(there.sync(report)); });
  });
}

void World::ping_peers(size_t site) {
  for (const size_t peer : running_) {
    if (peer == site) continue;
    gateway::Dispatcher& mine = dispatcher(site);
    const SiteId& id = config_.network.sites[peer].id;
    if (is_up(peer) && !is_cut(site, peer))
      mine.peer_load(id, dispatcher(peer).load_report(loop_.now()), rtt(site, peer), loop_.now());
    else
      mine.peer_failed(id, loop_.now());
  }
}

gateway::Dispatcher& World::dispatcher(size_t site) {
  return sites_[site].life->dispatcher;
}

gateway::Meter& World::meter(size_t site) {
  return sites_[site].life->meter;
}

SimWorkloadRuntime& World::workloads(size_t site) {
  return sites_[site].life->workloads;
}

size_t World::index(const SiteId& site) const {
  const auto& sites = config_.network.sites;
  const auto found = std::find_if(sites.begin(), sites.end(), [&](const Site& each) { return each.id == site; });
  CHECK(found != sites.end());
  return static_cast<size_t>(found - sites.begin());
}

void World::in_control(std::function<void(control::Control&)> task) {
  CHECK(control_is_up());
  ControlLife& life = *control_life_;
  life.runtime.spawn("call", [&life, task = std::move(task)] {
    life.runtime.sleep_for(processing);
    task(life.control);
  });
}

// --- does observed equal desired? ---

std::optional<std::string> World::difference() {
  if (!control_is_up() || !control_life_->started) return "control is down";
  const auto wanted = control_life_->control.snapshot();
  if (wanted->replicas.empty()) return "control wants nothing";
  for (const size_t site : running_) {
    if (auto difference = difference_at(site, *wanted))
      return config_.network.sites[site].id.str() + ": " + *difference;
  }
  for (const Replica& replica : wanted->replicas) {
    if (replica.phase != ReplicaPhase::ready) return "control does not know that " + replica.id.str() + " is ready";
  }
  return std::nullopt;
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
