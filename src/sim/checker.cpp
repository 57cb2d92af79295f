#include "sim/checker.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "sim/shared_store.h"

namespace barrio::sim {
namespace {

constexpr int slots_of_a_device = 8;
constexpr Duration numbers_begin = 250ms;  // an objective says which change it is of, in microseconds above this

}  // namespace

Checker::Checker(const Network& network) : network_(network) {
  for (const Site& site : network.sites) rooms_.emplace(site.id, room_of(site));
}

// --- policies ---

bool Checker::allows(const Policy& policy, const Site& site) {
  bool area = policy.jurisdictions.empty();
  for (const Jurisdiction& wanted : policy.jurisdictions) {
    const std::string& have = site.jurisdiction.str();
    area = area || have == wanted.str() || (wanted.str().size() == 2 && have.starts_with(wanted.str() + "-"));
  }
  bool listed = policy.sites.empty();
  for (const SiteId& wanted : policy.sites) listed = listed || wanted == site.id;
  bool owned = policy.operators.empty();
  for (const OperatorId& wanted : policy.operators) owned = owned || wanted == site.owner;
  const bool says_nothing = policy.jurisdictions.empty() && policy.sites.empty() && policy.operators.empty();
  return area && listed && owned && !says_nothing;
}

void Checker::sent(const AppKey& app, const Site& site, const char* how) {
  check(app, site, std::string("a request was ") + how);
}

void Checker::check(const AppKey& app, const Site& site, const std::string& what) {
  ++checked_;
  const auto policy = policies_.find(app);
  if (policy != policies_.end() && allows(policy->second, site)) return;
  violated(what + " at " + site.id.str() + " for " + app.str() + ", whose policy forbids it");
}

// --- what runs ---

void Checker::started(const ReplicaOrder& order, const Site& site) {
  check(order.app, site, "a replica was started");
  const Site* known = network_.find(site.id);
  if (known == nullptr || known->status == SiteStatus::planned)
    violated("a replica was started at planned site " + site.id.str());
  Room& room = rooms_[site.id];
  room.running[order.id] = order;
  check_room(room);
}

double Checker::watts_of(Watts nominal, const std::optional<Redundancy>& redundancy, std::optional<Watts> cap) {
  auto watts = static_cast<double>(nominal.count());
  if (redundancy) watts *= 1 - static_cast<double>(redundancy->spare) / redundancy->units;
  return cap ? std::min(watts, static_cast<double>(cap->count())) : watts;
}

std::vector<double> Checker::watts_of(const Site& site) {
  std::vector<double> watts = {watts_of(site.power.budget, site.power.redundancy, site.power.cap) / site.power.pue};
  const auto add = [&](const NodePower& power) {
    watts.push_back(watts_of(power.nominal, power.redundancy, power.cap));
  };
  for (const Feeder& feeder : site.feeders.value_or(std::vector<Feeder>())) add(feeder.power);
  for (const Rack& rack : site.racks.value_or(std::vector<Rack>())) add(rack.power);
  return watts;
}

Checker::Room Checker::room_of(const Site& site) {
  Room room;
  room.nodes.push_back({.name = site.id.str(), .servers = &site.servers, .accelerators = &site.accelerators});
  std::map<std::string, size_t> feeders;
  if (site.feeders) {
    for (const Feeder& feeder : *site.feeders) {
      feeders[feeder.name] = room.nodes.size();
      room.nodes.push_back({.name = site.id.str() + " feeder " + feeder.name});
    }
  }
  if (site.racks) {
    for (const Rack& rack : *site.racks) {
      room.above[rack.name] = {0, room.nodes.size()};
      if (!rack.feeder.empty()) room.above[rack.name].push_back(feeders.at(rack.feeder));
      room.nodes.push_back(
          {.name = site.id.str() + " rack " + rack.name, .servers = &rack.servers, .accelerators = &rack.accelerators});
    }
  }
  const auto watts = watts_of(site);
  for (size_t i = 0; i < watts.size(); ++i) room.nodes[i].watts = watts[i];
  return room;
}

bool Checker::powered(const Site& site) {
  Room& room = rooms_.at(site.id);
  const auto watts = watts_of(site);
  bool differs = false;
  for (size_t i = 0; i < watts.size(); ++i) {
    Node& node = room.nodes.at(i);
    if (node.watts == watts[i]) continue;
    differs = true;
    node.had_watts = std::max(node.watts, node.had_watts.value_or(0));
    node.watts = watts[i];
  }
  return differs;
}

bool Checker::told(const SiteId& site, const Snapshot& snapshot) {
  Room& room = rooms_.at(site);
  if (room.above.empty()) return false;
  for (const Replica& replica : snapshot.replicas) {
    if (replica.site == site && replica.seat) room.racks[replica.id] = replica.seat->rack;
  }
  bool more = false;
  const auto orders = taken(room);
  for (size_t i = 1; i < room.nodes.size(); ++i) {
    Node& node = room.nodes[i];
    double watts = 0;
    for (const ReplicaOrder* order : orders[i]) watts += static_cast<double>(order->resources.power.count());
    if (watts <= std::max(node.watts, node.had_watts.value_or(0))) continue;
    node.had_watts = watts;
    more = true;
  }
  return more;
}

void Checker::heeded(const SiteId& site) {
  Room& room = rooms_.at(site);
  for (Node& node : room.nodes) node.had_watts.reset();
  check_room(room);
}

std::vector<Checker::Orders> Checker::taken(const Room& room) {
  std::vector<Orders> orders(room.nodes.size());
  for (const auto& [id, order] : room.running) {
    const auto rack = room.racks.find(id);
    const auto above = rack == room.racks.end() ? room.above.end() : room.above.find(rack->second);
    if (above == room.above.end()) {
      orders[0].push_back(&order);
      continue;
    }
    for (const size_t node : above->second) orders[node].push_back(&order);
  }
  return orders;
}

void Checker::check_room(const Room& room) {
  const auto orders = taken(room);
  check_node(room.nodes[0], orders[0]);
  for (size_t i = 1; i < room.nodes.size(); ++i) {
    if (!orders[i].empty()) ++checked_in_racks_;
    check_node(room.nodes[i], orders[i]);
  }
}

void Checker::check_sum(const Node& node, const Orders& orders, const char* what, double used, double has) {
  constexpr double rounding = 1e-6;
  ++checked_;
  if (used <= has + rounding) return;
  std::string which;
  for (const ReplicaOrder* order : orders)
    which += " " + order->id.str() + " (" + order->app.str() + " generation " + std::to_string(order->generation) +
             ", " + to_string(order->resources.power) + ")";
  violated(node.name + " has " + std::to_string(has) + " " + what + ", and its replicas have taken " +
           std::to_string(used) + ":" + which);
}

void Checker::check_node(const Node& node, const Orders& orders) {
  double watts = 0;
  double cores = 0;
  double memory = 0;
  double storage = 0;
  for (const ReplicaOrder* order : orders) {
    const Resources& takes = order->resources;
    watts += static_cast<double>(takes.power.count());
    cores += takes.cores;
    memory += static_cast<double>(takes.memory.count());
    storage += takes.storage ? static_cast<double>(takes.storage->count()) : 0;
  }
  check_sum(node, orders, "watts", watts, std::max(node.watts, node.had_watts.value_or(0)));
  if (node.servers == nullptr) return;
  check_sum(node, orders, "cores", cores, node.servers->cores);
  check_sum(node, orders, "bytes of memory", memory, static_cast<double>(node.servers->memory.count()));
  check_sum(node, orders, "bytes of storage", storage, static_cast<double>(node.servers->storage.count()));
  check_accelerators(node, orders);
}

/// In memory slots: a device that is given out in slices has eight, any other one is all or nothing.
void Checker::check_accelerators(const Node& node, const Orders& orders) {
  std::map<std::string, double> slots;
  for (const ReplicaOrder* order : orders) {
    const Resources& takes = order->resources;
    if (takes.accelerators == 0) continue;
    double each = slots_of_a_device;
    if (takes.slice) {
      // "3g.40gb", of a device with so many GB.
      const std::string memory = takes.slice->substr(takes.slice->find('.') + 1);
      for (const Accelerator& device : *node.accelerators) {
        if (device.model != takes.accelerator) continue;
        each = std::round(std::stod(memory) * slots_of_a_device / (static_cast<double>(device.memory.count()) / 1e9));
      }
    }
    slots[takes.accelerator] += each * takes.accelerators;
  }
  for (const auto& [model, taken] : slots) {
    double has = 0;
    for (const Accelerator& device : *node.accelerators) has += device.model == model ? device.count : 0;
    check_sum(node, orders, ("eighths of " + model).c_str(), taken, has * slots_of_a_device);
  }
}

// --- what was promised ---

void Checker::number(AppSpec& spec, int64_t number) {
  spec.objective.latency = numbers_begin + std::chrono::microseconds(number);
}

int64_t Checker::number_of(const AppSpec& spec) {
  return std::chrono::duration_cast<std::chrono::microseconds>(spec.objective.latency - numbers_begin).count();
}

void Checker::asked(const AppKey& app, int64_t number, Change change) {
  promises_[app].asked[number] = change;
}

void Checker::acknowledged(const AppKey& app, int64_t number) {
  Promise& promise = promises_[app];
  promise.acknowledged = number;
  promise.asked.erase(promise.asked.begin(), promise.asked.lower_bound(number));
}

void Checker::committed(const std::vector<ports::Write>& writes) {
  static const std::string prefix = std::string(SharedStore::state) + "app/";
  for (const ports::Write& write : writes) {
    if (!write.key.starts_with(prefix)) continue;
    const auto parts = split(write.key, '/');
    app_written({TenantId::of(parts[2]), AppName::of(parts[3])}, write.value);
  }
}

/// What is there now has to come from the last change that was acknowledged, or from a later one.
void Checker::app_written(const AppKey& app, const std::optional<std::string>& document) {
  const auto known = promises_.find(app);
  if (known == promises_.end()) return;  // of a test that numbers nothing
  ++checked_;
  const auto& asked = known->second.asked;
  if (!document) {
    const bool wanted = std::ranges::any_of(asked, [](const auto& one) { return one.second == Change::remove; });
    if (!wanted) violated(app.str() + " was removed, and nobody asked for that");
    return;
  }
  const auto json = parse_json(*document);
  const auto written = json ? from_json<App>(*json) : Result<App>(fail(json.error()));
  if (!written) return violated(app.str() + " was written so that it cannot be read: " + written.error().text());
  const auto change = asked.find(number_of(written->spec));
  if (change == asked.end() || change->second != Change::deploy)
    violated(app.str() + " was written as change " + std::to_string(number_of(written->spec)) + " has it, after " +
             std::to_string(known->second.acknowledged) + " was acknowledged");
}

void Checker::compare(const Snapshot& snapshot) {
  for (const auto& [app, promise] : promises_) {
    ++checked_;
    const auto is_this = [&key = app](const App& each) { return each.key() == key; };
    const auto found = std::ranges::find_if(snapshot.apps, is_this);
    const bool is_there = found != snapshot.apps.end();
    // Those that nobody answered may have been done or not.
    const bool good = std::ranges::any_of(promise.asked, [&](const auto& one) {
      if (one.second == Change::remove) return !is_there;
      return is_there && number_of(found->spec) == one.first;
    });
    const bool never_was = promise.acknowledged == 0 && !is_there;
    if (good || never_was) continue;
    violated(app.str() +
             (is_there ? " is as change " + std::to_string(number_of(found->spec)) + " has it"
                       : std::string(" is not there")) +
             " after change " + std::to_string(promise.acknowledged) + " was acknowledged");
  }
}

}  // namespace barrio::sim
