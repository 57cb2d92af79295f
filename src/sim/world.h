#pragma once
// A whole Barrio network in virtual time: the members of control over one store, and every site with its agent and the
// logic of its gateway; between them a network that delays, loses, doubles and partitions, and faults that a test
// injects. The services are the real ones; what is simulated is below their ports.

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "agent/agent.h"
#include "control/control.h"
#include "gateway/dispatcher.h"
#include "gateway/meter.h"
#include "sim/checker.h"
#include "sim/shared_store.h"
#include "sim/site_storage.h"

namespace barrio::sim {

struct WorldConfig {
  Network network;
  std::function<std::unique_ptr<ports::StateStore>(ports::Runtime&)> make_state;  // that the members of control share
  uint64_t seed = 1;
  size_t members = 1;  // of control
  double loss = 0.01;  // of messages from a site to control; as many on their way back
  double doubled = 0;  // of messages, either way: they come once more, up to 3 s later
  Duration agent_period = 500ms;
  SimStarts starts = {};
  decide::MovePace moves = {};  // of control
  decide::CopyPatience copies = {};
  /// Of each site; none: the sites have no storage.
  OpenStore open_store = {};
  /// The last of the network, active in it: nobody knows them, and nothing runs there, until they join.
  size_t late_sites = 0;
};

/// Of two with the same feeders and racks: what `from` has of power, and of each of them.
void take_power(Site& site, const Site& from);

class World {
 public:
  explicit World(WorldConfig config);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  SimLoop& loop() { return loop_; }
  Checker& checker() { return checker_; }
  SharedStore& store() { return store_; }
  HttpNetwork& http() { return http_; }
  const Network& network() const { return config_.network; }
  size_t members() const { return members_.size(); }
  /// The indices of the sites whose gateways run in this network: all that are not planned or retired, and late ones
  /// from their first boot on.
  const std::vector<size_t>& running_sites() const { return running_; }

  // Faults. What is so already stays so.
  void crash_site(size_t site);  // its processes; its disk stays
  void boot_site(size_t site);
  /// Control is asked to add a late site, and to make it active: whatever of it is done already stays done. Its machine
  /// may boot before or after.
  void join_site(size_t site);
  std::vector<size_t> late_sites() const;
  void crash_control(size_t member = 0);  // the store stays
  void boot_control(size_t member = 0);
  /// Control restarts without what it knew of usage, as after a restore from an old copy.
  void lose_usage();
  static constexpr size_t at_control = SIZE_MAX;
  void cut(size_t a, size_t b);              // sites, or control
  void cut_one_way(size_t from, size_t to);  // answers do not come that way either
  void mend_one();                           // of all that is cut, by chance
  void crash_replica(size_t site);           // one of them, by chance
  Disk& disk(size_t site) { return sites_[site].disk; }
  Volume& volume(size_t site) { return sites_[site].volume; }
  Reach& reach(size_t member) { return members_[member]->reach; }
  /// Sets the clock of a site's machine, or of the one of a member of control.
  void set_clock(size_t site, std::chrono::milliseconds ahead) { sites_[site].clock.ahead = ahead; }
  void set_clock_of_member(size_t member, std::chrono::milliseconds ahead) { members_[member]->clock.ahead = ahead; }
  /// Of a site, its feeders or its racks, past control: an operator's own hand in the store. Not before control has
  /// begun, and not while the store is full.
  void change_power(size_t site, const std::function<void(Site&)>& change);
  /// The same through control, which may refuse it, or do it when it is heard.
  void ask_for_power(size_t site, const std::function<void(Site&)>& change);
  /// Boots what is down, heals what is cut, empties what is full, sets all clocks and caps right. Nothing is lost or
  /// doubled any more.
  void heal_all();

  bool is_up(size_t site) const { return sites_[site].life != nullptr; }
  bool control_is_up() const;  // one of its members
  bool is_cut(size_t from, size_t to) const { return cuts_.contains({from, to}); }
  Duration rtt(size_t a, size_t b) const;
  /// By its clock. This and the next ones: only of a site that is up.
  WallTime wall(size_t site);
  gateway::Dispatcher& dispatcher(size_t site);
  SimWorkloadRuntime& workloads(size_t site);
  gateway::Meter& meter(size_t site);
  /// Null: it is down, or has none.
  SiteStorage* storage(size_t site);
  /// Whatever storage does with an object, anywhere; and each commit of control's.
  void watch_objects(ObjectWatch watch) { object_watch_ = std::move(watch); }
  void watch_commits(std::function<void(const std::vector<ports::Write>&)> watch) { commit_watch_ = std::move(watch); }
  /// Grows with each boot of the site.
  uint64_t life(size_t site) const { return sites_[site].lives; }
  size_t index(const SiteId& site) const;
  // What becomes of one message.
  bool loses_message() { return happens(config_.loss); }
  bool doubles_message() { return happens(config_.doubled); }
  Duration some_seconds() { return from_ms(3000 * loop_.rng().unit()); }
  /// What a site's process asks of control: `ask` is called in a fiber of the member that answered last, or, when that
  /// has no answer, of another. Errors: those of `ask`, unavailable, timed_out.
  template <class T>
  Result<T> ask_control(size_t site, ports::Runtime& caller, std::function<Result<T>(control::Control&)> ask) {
    const auto reply = call_control(site, caller, [ask = std::move(ask)](control::Control& member) {
      auto answer = std::make_shared<Result<T>>(ask(member));
      const bool has_failed = !*answer;
      return Reply{std::move(answer), has_failed};
    });
    if (!reply) return fail(reply.error());
    return std::move(*std::static_pointer_cast<Result<T>>(reply->answer));
  }
  /// Told of each crash of a site, after it.
  void on_site_crash(std::function<void(size_t)> listener) { crash_listener_ = std::move(listener); }

  /// Runs `task` as a fiber of the member of control that leads, or of the first that is up. Needs one that is.
  void in_control(std::function<void(control::Control&)> task);
  /// As a fiber of this member, which needs to be up.
  void in_member(size_t member, std::function<void(control::Control&)> task);
  /// As it believes: two may.
  bool leads(size_t member) const;
  /// None: nobody leads.
  std::optional<size_t> leader() const;
  /// What the leader gives out; null: nobody leads.
  std::shared_ptr<const Snapshot> wanted() const;
  /// Nothing when all that control wants runs, nothing else does, every gateway knows, and its members agree; else the
  /// first difference.
  std::optional<std::string> difference();

 private:
  class Link;
  /// Of control, on its way: a Result that the caller knows the type of.
  struct Reply {
    std::shared_ptr<void> answer;
    bool has_failed = false;  // another member may have a better one
  };
  using Ask = std::function<Reply(control::Control&)>;
  struct Life;
  struct MemberLife;
  struct Exchange;
  struct SimSite {
    Disk disk;
    Volume volume;
    WallClock clock;
    gateway::MeterMemory usage_memory{gateway::Meter::memory_bytes()};  // survives its processes, as a mapped file does
    std::unique_ptr<Life> life;
    uint64_t lives = 0;
    size_t member = 0;    // of control, that answered last
    int settled_for = 0;  // seconds that nothing has kept it from doing as control says, since its power changed
    bool watched = false;
  };
  struct Member {
    Reach reach;
    WallClock clock;
    std::unique_ptr<MemberLife> life;
  };

  bool happens(double share) { return share > 0 && loop_.rng().unit() < share; }
  bool listens(size_t member) const;
  std::unique_ptr<SiteStorage> storage_at(size_t site, SimRuntime& runtime);
  // world_calls.cpp
  Result<Reply> call_control(size_t site, ports::Runtime& caller, const Ask& ask);
  Result<Reply> call_member(size_t site, size_t member, ports::Runtime& caller, const Ask& ask);
  void arrive(const std::shared_ptr<Exchange>& exchange, const Ask& ask);
  void answer(const std::shared_ptr<Exchange>& exchange, const Reply& reply);
  void kept(const std::string& name, const std::string& content);
  void ping_peers(size_t site);
  void watch_power(size_t site);
  size_t on_time() const { return sites_.size() - config_.late_sites; }  // sites that are there from the beginning
  bool is_troubled(size_t site) const;
  std::optional<control::Desired> stored();
  void committed(const std::vector<ports::Write>& writes);
  void wait_until_heeded(size_t site);
  std::optional<std::string> difference_at(size_t site, const Snapshot& wanted);
  std::optional<std::string> disagreement(const Snapshot& wanted) const;

  WorldConfig config_;
  SimLoop loop_;
  Checker checker_;
  HttpNetwork http_{*this};
  SimRuntime outside_;  // what never crashes: the disk under control
  SharedStore store_;
  control::Documents documents_;              // in it, as last read here
  std::set<std::pair<size_t, size_t>> cuts_;  // from, to
  std::unordered_set<size_t> readable_;       // hashes of snapshots that were looked at
  std::vector<size_t> running_;
  std::set<size_t> joining_;  // late sites that control was asked to add
  std::unordered_map<SiteId, size_t> indices_;
  std::vector<SimSite> sites_;
  std::vector<std::unique_ptr<Member>> members_;
  std::function<void(size_t)> crash_listener_;
  ObjectWatch object_watch_;
  std::function<void(const std::vector<ports::Write>&)> commit_watch_;
};

}  // namespace barrio::sim
