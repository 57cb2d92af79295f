#include "placement_packing.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <map>

#include "base/rng.h"
#include "decide/placement/search.h"
#include "report.h"

namespace barrio::bench {

namespace {

using namespace decide;

constexpr size_t nodes = 16;
constexpr size_t devices_per_node = 8;
constexpr int runs = 60;

struct Task {
  uint8_t profile = 0;
  uint32_t count = 1;  // more than one: whole devices of one node
  double share = 0;    // of arrivals
  int slots() const { return slice_profiles[profile].slots * static_cast<int>(count); }
};

struct Mix {
  const char* name;
  std::vector<Task> tasks;
};

/// `shared`: shares of small requests near those of the trace that fragmentation-gradient descent was published with
/// (Weng et al., ATC 2023: most tasks ask for part of one GPU, few for several); `even`: every size alike; `large`:
/// whole devices and halves.
const std::vector<Mix> mixes = {
    {"shared",
     {{0, 1, 0.35}, {2, 1, 0.2}, {3, 1, 0.15}, {4, 1, 0.05}, {5, 1, 0.2}, {5, 2, 0.02}, {5, 4, 0.02}, {5, 8, 0.01}}},
    {"even", {{0, 1, 0.2}, {1, 1, 0.2}, {2, 1, 0.2}, {3, 1, 0.2}, {4, 1, 0.1}, {5, 1, 0.1}}},
    {"large", {{3, 1, 0.3}, {4, 1, 0.2}, {0, 1, 0.2}, {5, 1, 0.2}, {5, 2, 0.1}}}};

using Node = std::vector<SlotMask>;
using Cluster = std::vector<Node>;

struct Choice {
  size_t node = 0;
  std::vector<SliceSeat> seats;
};
using Policy = std::function<std::optional<Choice>(const Cluster&, const Task&)>;

int taken(const Cluster& cluster) {
  int slots = 0;
  for (const Node& node : cluster) {
    for (const SlotMask device : node) slots += std::popcount(device);
  }
  return slots;
}

std::vector<SliceSeat> empty_devices(const Node& node, uint32_t count) {
  std::vector<SliceSeat> seats;
  for (uint32_t d = 0; d < node.size() && seats.size() < count; ++d) {
    if (node[d] == 0) seats.push_back({d, 0});
  }
  return seats.size() == count ? seats : std::vector<SliceSeat>();
}

/// Every way to seat the task: for slices each start of each device, for whole devices the first empty ones of a node.
void each_choice(const Cluster& cluster, const Task& task, const std::function<void(const Choice&)>& use) {
  for (size_t n = 0; n < cluster.size(); ++n) {
    if (task.profile == whole_profile) {
      auto seats = empty_devices(cluster[n], task.count);
      if (!seats.empty()) use({n, std::move(seats)});
      continue;
    }
    const SliceProfile& profile = slice_profiles[task.profile];
    for (uint32_t d = 0; d < cluster[n].size(); ++d) {
      for (uint8_t start = 0; start < device_slots; ++start) {
        if ((profile.starts >> start & 1) == 0 || (cluster[n][d] & profile.at(start)) != 0) continue;
        use({n, {{d, start}}});
      }
    }
  }
}

void seat(Node& node, const Task& task, const std::vector<SliceSeat>& seats) {
  for (const SliceSeat& one : seats) node[one.device] |= slice_profiles[task.profile].at(one.start);
}

/// The device with the fewest free slots that takes it, the first start; for whole devices the node with the fewest
/// empty ones.
std::optional<Choice> best_fit(const Cluster& cluster, const Task& task) {
  std::optional<Choice> best;
  int least = 0;
  each_choice(cluster, task, [&](const Choice& choice) {
    const Node& node = cluster[choice.node];
    const auto empty = static_cast<int>(std::ranges::count(node, SlotMask{0}));
    const int free = task.profile == whole_profile ? empty : device_slots - std::popcount(node[choice.seats[0].device]);
    if (best && free >= least) return;
    best = choice;
    least = free;
  });
  return best;
}

/// Of a node, for a mix: the free slots that a task of it cannot use, weighed by how often it comes (FGD, section 4).
double fragments(const Node& node, const Mix& mix) {
  double sum = 0;
  for (const Task& task : mix.tasks) {
    int unusable = 0;
    uint32_t fitting = 0;
    int free = 0;
    for (const SlotMask device : node) {
      const int left = device_slots - std::popcount(device);
      free += left;
      const bool fits = free_starts(device, task.profile) > 0;
      fitting += fits ? 1 : 0;
      unusable += fits ? 0 : left;
    }
    sum += task.share * (fitting >= task.count ? unusable : free);
  }
  return sum;
}

std::optional<Choice> gradient_descent(const Cluster& cluster, const Task& task, const Mix& mix) {
  std::optional<Choice> best;
  double least = 0;
  std::vector<double> before;
  for (const Node& node : cluster) before.push_back(fragments(node, mix));
  each_choice(cluster, task, [&](const Choice& choice) {
    Node node = cluster[choice.node];
    seat(node, task, choice.seats);
    const double more = fragments(node, mix) - before[choice.node];
    if (best && more >= least - 1e-12) return;
    best = choice;
    least = more;
  });
  return best;
}

/// Ours: the product's, one node a bin, with the cost of begun devices.
std::optional<Choice> ours(const Cluster& cluster, const Task& task, const Mix& mix) {
  AssignmentProblem problem;
  problem.device_cost = 1;
  problem.slice_mix.assign(slice_profiles.size(), 0);
  for (const Task& one : mix.tasks) problem.slice_mix[one.profile] += one.share;
  for (uint32_t n = 0; n < cluster.size(); ++n) {
    CapacityBin& bin = problem.bins.emplace_back();
    bin.group = n;
    bin.devices = cluster[n];
    bin.kinds.assign(cluster[n].size(), 0);
    problem.domain_of.push_back(n);
  }
  AssignmentItem& item = problem.items.emplace_back();
  item.missing_cost = 1000;
  item.cost.assign(cluster.size(), 0);
  item.slice = task.profile;
  item.slices = task.count;
  Assignment assignment(problem);
  if (fill(assignment, 0) == 0) return std::nullopt;
  const Copy& copy = assignment.copies(0)[0];
  return Choice{copy.bin, copy.seats};
}

const Task& draw(const Mix& mix, Rng& rng) {
  double at = rng.unit();
  for (const Task& task : mix.tasks) {
    if ((at -= task.share) < 0) return task;
  }
  return mix.tasks.back();
}

struct Outcome {
  double given = 0;    // share of all slots, when as many were asked for as there are
  double refused = 0;  // share of the slots asked for, with tasks that leave
};

/// Arrivals alone, until as much was asked for as there is.
double run_arrivals(const Mix& mix, const Policy& policy, uint64_t seed) {
  Cluster cluster(nodes, Node(devices_per_node));
  const int all = static_cast<int>(nodes * devices_per_node) * device_slots;
  Rng rng(seed);
  for (int asked = 0; asked < all;) {
    const Task& task = draw(mix, rng);
    asked += task.slots();
    if (const auto choice = policy(cluster, task)) seat(cluster[choice->node], task, choice->seats);
  }
  return static_cast<double>(taken(cluster)) / all;
}

/// Tasks come and go so that 95 % would be taken if all had room: the share of slots that were refused.
double run_churn(const Mix& mix, const Policy& policy, uint64_t seed) {
  struct Running {
    Task task;
    Choice choice;
  };
  Cluster cluster(nodes, Node(devices_per_node));
  const int all = static_cast<int>(nodes * devices_per_node) * device_slots;
  Rng rng(seed);
  std::multimap<double, Running> ends;
  double mean_slots = 0;
  for (const Task& task : mix.tasks) mean_slots += task.share * task.slots();
  const double gap = mean_slots / (0.95 * all);  // between arrivals, where a task stays 1 on average
  double now = 0, asked = 0, refused = 0;
  for (int i = 0; i < 2500; ++i) {
    now += -std::log(1 - rng.unit()) * gap;
    while (!ends.empty() && ends.begin()->first <= now) {
      const Running& done = ends.begin()->second;
      for (const SliceSeat& one : done.choice.seats) {
        SlotMask& device = cluster[done.choice.node][one.device];
        device = static_cast<SlotMask>(device & ~slice_profiles[done.task.profile].at(one.start));
      }
      ends.erase(ends.begin());
    }
    const Task& task = draw(mix, rng);
    const double stays = -std::log(1 - rng.unit());
    const bool counts = i >= 1000;  // full by then
    if (counts) asked += task.slots();
    const auto choice = policy(cluster, task);
    if (choice) {
      seat(cluster[choice->node], task, choice->seats);
      ends.emplace(now + stays, Running{task, *choice});
    } else if (counts) {
      refused += task.slots();
    }
  }
  return refused / asked;
}

}  // namespace

void run_packing(JsonArray& results) {
  for (const Mix& mix : mixes) {
    const std::pair<const char*, Policy> policies[] = {
        {"barrio", [&](const Cluster& c, const Task& t) { return ours(c, t, mix); }},
        {"best_fit", [](const Cluster& c, const Task& t) { return best_fit(c, t); }},
        {"fgd", [&](const Cluster& c, const Task& t) { return gradient_descent(c, t, mix); }}};
    for (const auto& [name, policy] : policies) {
      Outcome sum;
      for (uint64_t seed = 1; seed <= runs; ++seed) {
        sum.given += run_arrivals(mix, policy, seed) / runs;
        sum.refused += run_churn(mix, policy, seed) / runs;
      }
      const std::string prefix = std::string("packing_") + mix.name + "_" + name;
      const bool is_ours = std::string_view(name) == "barrio";
      results.push_back(figure(prefix + "_given", sum.given * 100, "%", "higher",
                               is_ours ? "best_fit and fgd on the same arrivals" : ""));
      results.push_back(figure(prefix + "_refused", sum.refused * 100, "%", "lower",
                               is_ours ? "best_fit and fgd on the same arrivals" : ""));
    }
  }
}

}  // namespace barrio::bench
