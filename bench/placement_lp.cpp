#include "placement_lp.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <set>
#include <span>

namespace barrio::bench {

namespace {

using namespace decide;

/// How many slices of each profile a device holds.
using Pattern = std::array<uint8_t, slice_profiles.size()>;

size_t slots_of(const Pattern& pattern) {
  size_t slots = 0;
  for (size_t p = 0; p < pattern.size(); ++p) slots += pattern[p] * static_cast<size_t>(slice_profiles[p].slots);
  return slots;
}

/// All that fit on a device beside what is taken, of these profiles.
std::set<Pattern> patterns_of(SlotMask taken, const std::set<size_t>& profiles) {
  std::set<std::pair<SlotMask, Pattern>> reached{{taken, {}}};
  for (std::vector<std::pair<SlotMask, Pattern>> open(reached.begin(), reached.end()); !open.empty();) {
    const auto [mask, pattern] = open.back();
    open.pop_back();
    for (const size_t p : profiles) {
      for (int start = 0; start < device_slots; ++start) {
        const SlotMask seat = slice_profiles[p].at(start);
        if ((slice_profiles[p].starts >> start & 1) == 0 || (mask & seat) != 0) continue;
        Pattern more = pattern;
        ++more[p];
        const std::pair next(static_cast<SlotMask>(mask | seat), more);
        if (reached.insert(next).second) open.push_back(next);
      }
    }
  }
  std::set<Pattern> patterns;
  for (const auto& [mask, pattern] : reached) patterns.insert(pattern);
  return patterns;
}

/// Columns: `at`, whether a copy is in a bin; `in`, whether one is in a group, where that has several bins; `far`,
/// whether the nearest so many groups of a point have none; `over`, what is used beyond a soft level; how many devices
/// have a pattern. Racks of a site and devices of a rack that are alike are interchangeable, which costs a search by
/// branching dearly: hence groups before bins, and patterns instead of seats.
class Formulation {
 public:
  explicit Formulation(const Assignment& known)
      : known_(known),
        problem_(known.problem()),
        bins_in_(problem_.domain_of.size()),
        users_(problem_.resources.size()),
        at_(problem_.items.size()),
        in_(problem_.items.size()) {
    for (const CapacityBin& bin : problem_.bins) ++bins_in_[bin.group];
  }

  LinearProgram make() {
    for (uint32_t i = 0; i < problem_.items.size(); ++i) {
      if (problem_.items[i].copies == 0) continue;
      add_copies(i);
      if (problem_.items[i].service != none) add_service(i);
    }
    for (uint32_t r = 0; r < problem_.resources.size(); ++r) add_resource(r);
    for (uint32_t b = 0; b < problem_.bins.size(); ++b) add_devices(b);
    return std::move(program_);
  }

 private:
  /// In a world that is empty otherwise.
  bool is_possible(uint32_t i, uint32_t b) const {
    if (problem_.items[i].cost[b] == forbidden) return false;
    for (size_t d = 0; d < problem_.dimensions; ++d) {
      const uint32_t r = problem_.bins[b].resources[d];
      if (r != none && problem_.need(i, b)[d] > problem_.resources[r].capacity) return false;
    }
    return true;
  }

  void add_copies(uint32_t i) {
    const AssignmentItem& item = problem_.items[i];
    std::map<uint32_t, Terms> groups, domains;
    for (uint32_t b = 0; b < problem_.bins.size(); ++b) {
      if (!is_possible(i, b)) continue;
      const double start = std::ranges::count(known_.copies(i), b, &Copy::bin) > 0 ? 1 : 0;
      const uint32_t column = program_.add({.cost = item.cost[b], .start = start});
      at_[i].emplace(b, column);
      groups[problem_.bins[b].group].emplace_back(1, column);
      if (item.slice >= 0) seats_[{b, item.device_kind, item.slice}].emplace_back(item.slices, column);
    }
    Terms all;
    for (auto& [group, terms] : groups) {
      uint32_t column = terms[0].second;
      if (bins_in_[group] > 1) {
        double start = 0;
        for (const auto& [factor, at] : terms) start += program_.columns[at].start;
        column = program_.add({.start = start});
        terms.emplace_back(-1, column);
        program_.add(terms, Relation::equal, 0);
      }
      in_[i].emplace(group, column);
      all.emplace_back(1, column);
      domains[problem_.domain_of[group]].emplace_back(1, column);
    }
    program_.add(std::move(all), Relation::equal, item.copies);
    for (auto& [domain, terms] : domains) {
      if (terms.size() > item.most_in_domain) program_.add(std::move(terms), Relation::at_most, item.most_in_domain);
    }
    note_use(i);
  }

  /// A resource that a whole group shares counts the group's copy, whichever bin it is in.
  void note_use(uint32_t i) {
    std::set<std::pair<uint32_t, uint32_t>> counted;  // resource and column
    for (const auto& [b, at] : at_[i]) {
      for (size_t d = 0; d < problem_.dimensions; ++d) {
        const uint32_t r = problem_.bins[b].resources[d];
        const int64_t need = problem_.need(i, b)[d];
        if (r == none || need == 0) continue;
        const uint32_t column = is_shared(i, b, d) ? in_[i].at(problem_.bins[b].group) : at;
        if (counted.emplace(r, column).second) users_[r].emplace_back(need, column);
      }
    }
  }

  bool is_shared(uint32_t i, uint32_t bin, size_t d) const {
    for (uint32_t b = 0; b < problem_.bins.size(); ++b) {
      if (problem_.bins[b].group != problem_.bins[bin].group) continue;
      if (problem_.bins[b].resources[d] != problem_.bins[bin].resources[d]) return false;
      if (problem_.need(i, b)[d] != problem_.need(i, bin)[d]) return false;
    }
    return true;
  }

  /// One copy serves all, at a cost that is known for each group. Of several the nearest serves a point: as far as the
  /// nearest group, and on to the next one for as long as there is no copy (Cornuejols, Nemhauser and Wolsey 1980).
  void add_service(uint32_t i) {
    const AssignmentItem& item = problem_.items[i];
    const ServiceCosts& service = problem_.services[item.service];
    for (size_t p = 0; p < service.points; ++p) {
      std::vector<std::pair<double, uint32_t>> nearest;
      for (const auto& [group, column] : in_[i]) {
        nearest.emplace_back(item.service_scale * static_cast<double>(service.at(group, p)), column);
      }
      std::ranges::sort(nearest);
      if (item.copies == 1) {
        for (const auto& [cost, column] : nearest) program_.columns[column].cost += cost;
      } else if (nearest.size() >= item.copies) {
        add_chain(nearest, item.copies);
      }
    }
  }

  void add_chain(std::span<const std::pair<double, uint32_t>> nearest, size_t copies) {
    program_.fixed_cost += nearest[0].first;
    Terms missed;  // whether all before have none: the last such column, and those that came since
    double is_missed = 1;
    double bound = 1;
    for (size_t n = 0; n + copies < nearest.size(); ++n) {
      missed.emplace_back(1, nearest[n].second);
      is_missed *= 1 - program_.columns[nearest[n].second].start;
      const double farther = nearest[n + 1].first - nearest[n].first;
      if (farther <= 0) continue;
      const uint32_t far = program_.add({.cost = farther, .is_integer = false, .start = is_missed});
      missed.emplace_back(1, far);
      program_.add(missed, Relation::at_least, bound);
      missed = {{-1, far}};
      bound = 0;
    }
  }

  /// In the largest unit that all needs are a multiple of.
  void add_resource(uint32_t r) {
    const CapacityResource& resource = problem_.resources[r];
    int64_t unit = 0, most = 0;
    for (const auto& [need, column] : users_[r]) unit = std::gcd(unit, need), most += need;
    if (unit == 0) return;
    Terms use;
    for (const auto& [need, column] : users_[r]) use.emplace_back(static_cast<double>(need / unit), column);
    if (most > resource.capacity) {
      program_.add(use, Relation::at_most, static_cast<double>(resource.capacity / unit));
    }
    if (most <= resource.soft || resource.soft_cost == 0 || resource.soft >= resource.capacity) return;
    const double soft = static_cast<double>(resource.soft) / static_cast<double>(unit);
    const double start = std::max(0.0, static_cast<double>(known_.used(r)) / static_cast<double>(unit) - soft);
    use.emplace_back(-1, program_.add({.cost = resource.soft_cost * static_cast<double>(unit),
                                       .upper = std::numeric_limits<double>::infinity(),
                                       .is_integer = false,
                                       .start = start}));
    program_.add(std::move(use), Relation::at_most, soft);
  }

  /// Devices of a bin that begin alike, by kind and by what is taken of them.
  void add_devices(uint32_t b) {
    std::map<std::pair<uint32_t, SlotMask>, std::map<Pattern, size_t>> alike;
    const CapacityBin& bin = problem_.bins[b];
    for (uint32_t d = 0; d < bin.devices.size(); ++d) ++alike[{bin.kinds[d], bin.devices[d]}][on_device(b, d)];
    for (const auto& [device, now] : alike) {
      const auto [kind, taken] = device;
      std::set<size_t> profiles;
      for (const auto& [seat, terms] : seats_) {
        if (seat.bin == b && seat.kind == kind) profiles.insert(static_cast<size_t>(seat.profile));
      }
      size_t count = 0;
      for (const auto& [pattern, devices] : now) count += devices;
      Terms all;
      for (const Pattern& pattern : patterns_of(taken, profiles)) {
        const size_t full = slots_of(pattern) + static_cast<size_t>(std::popcount(taken));
        const bool is_begun = full > 0 && full < device_slots;
        const uint32_t column =
            program_.add({.cost = is_begun ? problem_.device_cost : 0,
                          .upper = static_cast<double>(count),
                          .start = now.contains(pattern) ? static_cast<double>(now.at(pattern)) : 0});
        all.emplace_back(1, column);
        for (const size_t p : profiles) {
          if (pattern[p] > 0) seats_[{b, kind, static_cast<int>(p)}].emplace_back(-double{1} * pattern[p], column);
        }
      }
      program_.add(std::move(all), Relation::equal, static_cast<double>(count));
    }
    for (auto& [seat, terms] : seats_) {
      if (seat.bin == b) program_.add(std::move(terms), Relation::equal, 0);
    }
  }

  Pattern on_device(uint32_t b, uint32_t device) const {
    Pattern pattern{};
    for (const uint32_t i : known_.items_in(b)) {
      const auto copy = std::ranges::find(known_.copies(i), b, &Copy::bin);
      for (const SliceSeat& seat : copy->seats) {
        if (seat.device == device) ++pattern[static_cast<size_t>(problem_.items[i].slice)];
      }
    }
    return pattern;
  }

  struct Seats {
    uint32_t bin = 0;
    uint32_t kind = 0;
    int profile = 0;
    auto operator<=>(const Seats&) const = default;
  };

  const Assignment& known_;
  const AssignmentProblem& problem_;
  LinearProgram program_;
  std::vector<size_t> bins_in_;                                   // by group
  std::vector<std::vector<std::pair<int64_t, uint32_t>>> users_;  // by resource: need and column
  std::vector<std::map<uint32_t, uint32_t>> at_;                  // by item: columns by bin
  std::vector<std::map<uint32_t, uint32_t>> in_;                  // by item: columns by group
  std::map<Seats, Terms> seats_;                                  // that are asked for, less those there are
};

}  // namespace

LinearProgram program_of(const Assignment& known) {
  return Formulation(known).make();
}

}  // namespace barrio::bench
