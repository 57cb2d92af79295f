#pragma once
// Watches what a simulated network does and notes what it must never do. It has its own reading of policies and of what
// sites have room for, written apart from decide/, so that a mistake there is not repeated here.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/snapshot.h"
#include "ports/state_store.h"

namespace barrio::sim {

class Checker {
 public:
  explicit Checker(const Network& network);

  // Policies.
  /// The policy under which this app was deployed.
  void deployed(const AppKey& app, const Policy& policy) { policies_[app] = policy; }
  /// A request's body reaches, or would reach, `site`.
  void sent(const AppKey& app, const Site& site, const char* how);
  static bool allows(const Policy& policy, const Site& site);

  // What runs: cores, memory, storage, accelerators and watts of each site and each of its racks, and the watts of its
  // feeders, at each start.
  /// In place of the replica of this id there, if there is one.
  void started(const ReplicaOrder& order, const Site& site);
  void ended(const ReplicaId& replica, const SiteId& site) { rooms_[site].running.erase(replica); }
  /// All that ran there ended.
  void crashed(const SiteId& site) { rooms_[site].running.clear(); }
  /// Control's store has this of the site now. True: that is other power. What was there before may still be used until
  /// heeded().
  bool powered(const Site& site);
  /// What the site was told of who stands in which of its racks. True: so a rack or feeder has more than its power, as
  /// it may until heeded().
  bool told(const SiteId& site, const Snapshot& snapshot);
  /// Nothing has kept the site from doing as control says.
  void heeded(const SiteId& site);

  // What was promised. Changes of an app are numbered, later ones higher, and one ends before the next begins.
  enum class Change { deploy, remove };
  void asked(const AppKey& app, int64_t number, Change change);
  void acknowledged(const AppKey& app, int64_t number);
  /// Answered with no: it changed nothing.
  void declined(const AppKey& app, int64_t number) { promises_[app].asked.erase(number); }
  /// Control's store took these, in its section of desired state.
  void committed(const std::vector<ports::Write>& writes);
  /// Against what control has in the end.
  void compare(const Snapshot& snapshot);
  /// In the spec of an app.
  static void number(AppSpec& spec, int64_t number);
  static int64_t number_of(const AppSpec& spec);

  void violated(std::string what) { violations_.push_back(std::move(what)); }
  const std::vector<std::string>& violations() const { return violations_; }
  int64_t checked() const { return checked_; }
  /// Of them, of racks and feeders.
  int64_t checked_in_racks() const { return checked_in_racks_; }

 private:
  /// Of a site's power tree: the site, a feeder or a rack.
  struct Node {
    std::string name;
    double watts = 0;                      // IT power, as it is now...
    std::optional<double> had_watts = {};  // ... and the most that it was until it was last heeded
    const Servers* servers = nullptr;      // null, with the next one: a feeder
    const std::vector<Accelerator>* accelerators = nullptr;
  };
  /// Of one site.
  struct Room {
    std::vector<Node> nodes;                           // the site, its feeders, its racks
    std::map<std::string, std::vector<size_t>> above;  // by rack: the nodes that a replica there takes from
    std::map<ReplicaId, std::string> racks;            // as the site was last told
    std::map<ReplicaId, ReplicaOrder> running;
  };
  using Orders = std::vector<const ReplicaOrder*>;
  struct Promise {
    std::map<int64_t, Change> asked;  // since the last one acknowledged, and that
    int64_t acknowledged = 0;         // 0: none
  };

  void check(const AppKey& app, const Site& site, const std::string& what);
  static Room room_of(const Site& site);
  /// By node, what takes from it.
  static std::vector<Orders> taken(const Room& room);
  void check_room(const Room& room);
  void check_node(const Node& node, const Orders& orders);
  void check_accelerators(const Node& node, const Orders& orders);
  void check_sum(const Node& node, const Orders& orders, const char* what, double used, double has);
  void app_written(const AppKey& app, const std::optional<std::string>& document);
  static double watts_of(Watts nominal, const std::optional<Redundancy>& redundancy, std::optional<Watts> cap);
  /// By node, in the order of Room::nodes.
  static std::vector<double> watts_of(const Site& site);

  const Network& network_;
  std::map<AppKey, Policy> policies_;
  std::map<SiteId, Room> rooms_;
  std::map<AppKey, Promise> promises_;
  std::vector<std::string> violations_;
  int64_t checked_ = 0;
  int64_t checked_in_racks_ = 0;
};

}  // namespace barrio::sim
