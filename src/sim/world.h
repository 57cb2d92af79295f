#pragma once
// A whole Barrio network in virtual time: one control and every site with its agent and the logic of its gateway,
// between them a network that delays, loses and partitions, and faults that a test injects. The services are the real
// ones; what is simulated is below their ports.

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/agent.h"
#include "control/control.h"
#include "gateway/dispatcher.h"
#include "gateway/meter.h"
#include "sim/checker.h"
#include "sim/site_fakes.h"

namespace barrio::sim {

struct WorldConfig {
  Network network;
  std::function<std::unique_ptr<ports::StateStore>(ports::Runtime&)> make_state;
  uint64_t seed = 1;
  double loss = 0.01;  // of exchanges between a site and control; as often on their way back
  double doubled = 0;  // messages to control that come once more, up to 3 s later
  Duration agent_period = 500ms;
  std::function<std::unique_ptr<ports::StateStore>(ports::Runtime&)> make_usage_state = {};  // none: as make_state
};

class World {
 public:
  explicit World(WorldConfig config);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  SimLoop& loop() { return loop_; }
  Checker& checker() { return checker_; }
  const Network& network() const { return config_.network; }
  /// The indices of the sites whose gateways run in this network: all that are not planned or retired.
  const std::vector<size_t>& running_sites() const { return running_; }

  // Faults. What is so already stays so.
  void crash_site(size_t site);  // its processes; its disk stays
  void boot_site(size_t site);
  void crash_control();  // its state stays
  void boot_control();
  /// Control restarts with an empty store of usage, as after a restore from an old copy.
  void lose_usage();
  static constexpr size_t at_control = SIZE_MAX;
  void cut(size_t a, size_t b);     // sites, or control
  void crash_replica(size_t site);  // one of them, by chance
  /// Boots what is down and heals what is cut.
  void heal_all();

  bool is_up(size_t site) const { return sites_[site].life != nullptr; }
  bool control_is_up() const { return control_life_ != nullptr; }
  bool is_cut(size_t a, size_t b) const { return cuts_.contains(std::minmax(a, b)); }
  Duration rtt(size_t a, size_t b) const;
  /// Only of a site that is up.
  gateway::Dispatcher& dispatcher(size_t site);
  SimWorkloadRuntime& workloads(size_t site);
  gateway::Meter& meter(size_t site);
  /// Grows with each boot of the site.
  uint64_t life(size_t site) const { return sites_[site].lives; }
  size_t index(const SiteId& site) const;
  /// Told of each crash of a site, after it.
  void on_site_crash(std::function<void(size_t)> listener) { crash_listener_ = std::move(listener); }

  /// Runs `task` as a fiber of the control process. Needs one that is up.
  void in_control(std::function<void(control::Control&)> task);
  /// Nothing when all that control wants runs, nothing else does, and every gateway knows; else the first difference.
  std::optional<std::string> difference();

 private:
  class Link;
  struct Life;
  struct SimSite {
    Disk disk;
    gateway::MeterMemory usage_memory{gateway::Meter::memory_bytes()};  // survives its processes, as a mapped file does
    std::unique_ptr<Life> life;
    uint64_t lives = 0;
  };
  struct ControlLife {
    ControlLife(SimLoop& loop, ports::StateStore& state, ports::StateStore& usage_state, const Network& network)
        : runtime(loop, "control"),
          usage(runtime, usage_state),
          control(runtime, state, {.network = network, .accounts = {}}, nullptr, &usage) {}
    SimRuntime runtime;
    control::UsageBook usage;
    control::Control control;
    bool started = false;
  };

  Result<SiteOrders> call_control(size_t site, ports::Runtime& caller, const SiteReport& report);
  std::unique_ptr<ports::StateStore> make_usage_state();
  void again_later(size_t site, const SiteReport& report);
  void ping_peers(size_t site);
  std::optional<std::string> difference_at(size_t site, const Snapshot& wanted);

  WorldConfig config_;
  SimLoop loop_;
  Checker checker_;
  SimRuntime outside_;  // what never crashes: the disk under control
  std::unique_ptr<ports::StateStore> state_;
  std::unique_ptr<ports::StateStore> usage_state_;
  std::set<std::pair<size_t, size_t>> cuts_;
  std::vector<size_t> running_;
  std::vector<SimSite> sites_;
  std::unique_ptr<ControlLife> control_life_;
  std::function<void(size_t)> crash_listener_;
};

}  // namespace barrio::sim
