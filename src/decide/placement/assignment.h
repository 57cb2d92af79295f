#pragma once
// The problem that placement is: items (apps) ask for copies (replicas) in bins (racks, at most one copy in a group of
// bins: a site), and copies use capacity that is written down as resources. Nothing here knows of sites or watts, so
// that problems of the literature with known optima are solved by the same code (bench/placement).
//
//   cost = copies: what each costs in its bin, what each one that is missing costs
//        + service: every point of demand, from the group that serves it best
//        + bins in use, sliced devices in use
//        + what is used of a resource above its soft level
//
// An assignment holds no more than what resources have; the search (search.h) may look beyond on its way.

#include <cstdint>
#include <limits>
#include <vector>

#include "decide/placement/slices.h"

namespace barrio::decide {

inline constexpr double forbidden = std::numeric_limits<double>::infinity();
inline constexpr uint32_t none = std::numeric_limits<uint32_t>::max();

struct CapacityResource {
  int64_t capacity = 0;
  int64_t soft = std::numeric_limits<int64_t>::max();  // above: soft_cost for each unit
  double soft_cost = 0;
};

struct CapacityBin {
  uint32_t group = 0;               // of the problem's groups
  std::vector<uint32_t> resources;  // by dimension; none: not limited here
  double open_cost = 0;             // once, when anything is in it
  std::vector<SlotMask> devices;    // that are given out in slices, as they are before the first copy
  std::vector<uint32_t> kinds;      // of the devices
};

/// What it costs to serve points of demand from a group; shared by items.
struct ServiceCosts {
  size_t points = 0;
  std::vector<float> cost;  // weights included; group * points + point
  float at(uint32_t group, size_t point) const { return cost[group * points + point]; }
};

struct AssignmentItem {
  uint32_t copies = 1;
  double missing_cost = 0;    // for each copy that has no bin
  std::vector<double> cost;   // by bin; forbidden: not there
  std::vector<int64_t> need;  // by dimension; or by bin and dimension, where bins differ
  uint32_t service = none;    // of the problem's service costs
  double service_scale = 1;
  uint32_t most_in_domain = none;
  int slice = -1;  // a profile: each copy also takes `slices` seats on devices of its bin
  uint32_t slices = 1;
  uint32_t device_kind = 0;  // on which these seats must be
};

struct AssignmentProblem {
  size_t dimensions = 0;
  std::vector<CapacityResource> resources;
  std::vector<CapacityBin> bins;
  std::vector<uint32_t> domain_of;  // by group: groups that fail together
  std::vector<ServiceCosts> services;
  std::vector<AssignmentItem> items;
  double device_cost = 0;         // once for each sliced device that is neither empty nor full
  std::vector<double> slice_mix;  // of what may come, by profile; empty: all alike

  const int64_t* need(size_t item, size_t bin) const {
    const auto& of = items[item].need;
    return of.data() + (of.size() > dimensions ? bin * dimensions : 0);
  }
};

struct Copy {
  uint32_t bin = 0;
  std::vector<SliceSeat> seats;
  bool operator==(const Copy&) const = default;
};

/// Who is where, with everything that must be counted kept up to date.
class Assignment {
 public:
  explicit Assignment(const AssignmentProblem& problem);
  /// After items were added to the problem, or one that has no copies was replaced.
  void grow() { copies_.resize(problem_->items.size()); }
  const AssignmentProblem& problem() const { return *problem_; }
  const std::vector<Copy>& copies(size_t item) const { return copies_[item]; }
  const std::vector<uint32_t>& items_in(size_t bin) const { return items_in_[bin]; }
  int64_t used(size_t resource) const { return used_[resource]; }
  int64_t left(size_t resource) const { return problem_->resources[resource].capacity - used_[resource]; }
  const std::vector<SlotMask>& devices(size_t bin) const { return devices_[bin]; }

  /// The bin is allowed to it, and neither its group nor its domain has what it may have of the item. `without`: as if
  /// the item's copy there were gone.
  bool may_hold(size_t item, size_t bin, uint32_t without = none) const;
  /// Every resource has room.
  bool has_room(size_t item, size_t bin) const;
  /// Free seats for all slices of one copy; empty: there are not enough. Empty too when it needs none.
  std::vector<SliceSeat> find_seats(size_t item, size_t bin) const;
  bool has_seats(size_t item, size_t bin) const;
  /// How many of the slices of one copy have seats now.
  size_t most_seats(size_t item, size_t bin) const;
  /// The seats are free, starts of the profile, and on different slots.
  bool seats_are_free(size_t item, size_t bin, const std::vector<SliceSeat>& seats) const;
  /// Takes, whether there is room or not; seats must be free.
  void add(size_t item, Copy copy);
  /// Takes in seats that it chooses.
  void add(size_t item, uint32_t bin) { add(item, Copy{bin, find_seats(item, bin)}); }
  Copy remove(size_t item, uint32_t bin);

  double item_cost(size_t item) const;
  double cost() const;
  /// Nothing is used beyond its capacity.
  bool is_feasible() const;

 private:
  std::vector<SlotMask> devices_for(size_t item, size_t bin) const;
  std::vector<SliceSeat> some_seats(size_t item, size_t bin) const;
  const AssignmentProblem* problem_;
  std::vector<std::vector<Copy>> copies_;        // by item
  std::vector<std::vector<uint32_t>> items_in_;  // by bin
  std::vector<int64_t> used_;                    // by resource
  std::vector<std::vector<SlotMask>> devices_;   // by bin
};

}  // namespace barrio::decide
