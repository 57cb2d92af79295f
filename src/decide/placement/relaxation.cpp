#include "decide/placement/relaxation.h"

#include <algorithm>
#include <numeric>

#include "decide/placement/offers.h"

namespace barrio::decide {

namespace {

constexpr int most_steps = 300;
constexpr double first_step = 2;  // of a resource's unit price, for each capacity that is asked for too much
constexpr double shorter_step = 0.98;

double service_spread(const AssignmentProblem& problem, size_t i) {
  const AssignmentItem& item = problem.items[i];
  if (item.service == none) return 0;
  const ServiceCosts& service = problem.services[item.service];
  double low = forbidden;
  double high = 0;
  for (size_t b = 0; b < problem.bins.size(); ++b) {
    if (item.cost[b] == forbidden) continue;
    const float* cost = &service.cost[problem.bins[b].group * service.points];
    const double all = std::accumulate(cost, cost + service.points, 0.0);
    low = std::min(low, all);
    high = std::max(high, all);
  }
  return low == forbidden ? 0 : item.service_scale * (high - low);
}

/// What a unit of each resource is worth: the spread of the items' costs over their mean need of it.
std::vector<double> unit_prices(const AssignmentProblem& problem) {
  double spread = 0;
  std::vector<double> need(problem.resources.size());
  std::vector<double> count(problem.resources.size());
  for (size_t i = 0; i < problem.items.size(); ++i) {
    double low = forbidden;
    double high = 0;
    for (size_t b = 0; b < problem.bins.size(); ++b) {
      const double cost = problem.items[i].cost[b];
      if (cost == forbidden) continue;
      low = std::min(low, cost);
      high = std::max(high, cost);
      for (size_t d = 0; d < problem.dimensions; ++d) {
        const uint32_t r = problem.bins[b].resources[d];
        if (r == none || problem.need(i, b)[d] == 0) continue;
        need[r] += static_cast<double>(problem.need(i, b)[d]);
        ++count[r];
      }
    }
    if (low != forbidden) spread += high - low;
    spread += service_spread(problem, i);
  }
  spread /= static_cast<double>(std::max<size_t>(1, problem.items.size()));
  for (size_t r = 0; r < need.size(); ++r) need[r] = need[r] > 0 ? 0.3 * spread / (need[r] / count[r]) : 0;
  return need;
}

/// All choose again, each alone, at these rents.
uint64_t choose(const AssignmentProblem& free, const std::vector<double>& rents, Assignment& chosen) {
  chosen = Assignment(free);
  Offers offers(chosen, rents);
  for (size_t i = 0; i < free.items.size(); ++i) {
    offers.look_for_additions(i);
    while (chosen.copies(i).size() < free.items[i].copies) {
      const Offer offer = offers.best_addition();
      if (offer.to == none || offer.total() >= 0) break;
      chosen.add(i, offer.to);
      offers.look_on(offer.to);
    }
  }
  return offers.work();
}

double excess_of(const AssignmentProblem& problem, const Assignment& chosen, const std::vector<double>& prices) {
  double excess = 0;
  for (size_t r = 0; r < prices.size(); ++r) {
    const int64_t over = chosen.used(r) - problem.resources[r].capacity;
    if (over > 0) excess += prices[r] * static_cast<double>(over);
  }
  return excess;
}

}  // namespace

Relaxed relax(const AssignmentProblem& problem, uint64_t work) {
  // What lies beyond no capacity at all is paid from the first unit on: a rent.
  AssignmentProblem free = problem;
  for (CapacityResource& resource : free.resources) resource = {.capacity = 0};
  const std::vector<double> units = unit_prices(problem);
  Relaxed relaxed{.bins = {}, .rents = std::vector<double>(units.size()), .prices = units};
  std::vector<double> rents = relaxed.rents;
  Assignment chosen(free);
  double least = forbidden;
  double step = first_step;
  uint64_t spent = 0;  // every step counts for something
  for (int i = 0; i < most_steps && spent < work; ++i, step *= shorter_step) {
    spent += 1 + choose(free, rents, chosen);
    const double excess = excess_of(problem, chosen, units);
    relaxed.exceeds = relaxed.exceeds || excess > 0;
    if (excess < least) {
      least = excess;
      relaxed.rents = rents;
      relaxed.bins.assign(problem.items.size(), {});
      for (size_t item = 0; item < problem.items.size(); ++item) {
        for (const Copy& copy : chosen.copies(item)) relaxed.bins[item].push_back(copy.bin);
      }
    }
    if (!relaxed.exceeds) break;
    for (size_t r = 0; r < rents.size(); ++r) {
      const double capacity = static_cast<double>(std::max<int64_t>(1, problem.resources[r].capacity));
      const double over = static_cast<double>(chosen.used(r)) / capacity - 1;
      rents[r] = std::max(0.0, rents[r] + step * units[r] * std::clamp(over, -1.0, 1.0));
    }
  }
  for (size_t r = 0; r < units.size(); ++r) relaxed.prices[r] = std::max(0.2 * units[r], relaxed.rents[r]);
  return relaxed;
}

}  // namespace barrio::decide
