#include "placement_literature.h"

#include <cmath>
#include <sstream>

namespace barrio::bench {

namespace {

using namespace decide;

constexpr double unassigned = 1e6;  // dearer than any assignment of these instances

AssignmentProblem with_bins(size_t bins) {
  AssignmentProblem problem;
  problem.dimensions = 1;
  for (uint32_t b = 0; b < bins; ++b) {
    CapacityBin& bin = problem.bins.emplace_back();
    bin.group = b;
    bin.resources = {b};
    problem.domain_of.push_back(b);
  }
  problem.resources.resize(bins);
  return problem;
}

void read_sites(std::istream& in, AssignmentProblem& problem) {
  for (size_t b = 0; b < problem.bins.size(); ++b) {
    double capacity = 0;
    in >> capacity >> problem.bins[b].open_cost;
    problem.resources[b].capacity = static_cast<int64_t>(capacity);
  }
}

void read_demand(std::istream& in, AssignmentItem& item) {
  double demand = 0;
  in >> demand;
  item.need = {static_cast<int64_t>(demand)};
}

}  // namespace

AssignmentProblem read_gap(const std::string& text) {
  std::istringstream in(text);
  size_t agents = 0;
  size_t jobs = 0;
  in >> agents >> jobs;
  AssignmentProblem problem = with_bins(agents);
  problem.items.resize(jobs);
  for (AssignmentItem& item : problem.items) {
    item.missing_cost = unassigned;
    item.cost.resize(agents);
    item.need.resize(agents);
  }
  for (size_t b = 0; b < agents; ++b) {
    for (AssignmentItem& item : problem.items) in >> item.cost[b];
  }
  for (size_t b = 0; b < agents; ++b) {
    for (AssignmentItem& item : problem.items) in >> item.need[b];
  }
  for (CapacityResource& resource : problem.resources) in >> resource.capacity;
  return problem;
}

AssignmentProblem read_location(const std::string& text) {
  std::istringstream in(text);
  size_t sites = 0;
  size_t customers = 0;
  in >> sites >> customers;
  AssignmentProblem problem = with_bins(sites);
  read_sites(in, problem);
  problem.items.resize(customers);
  for (AssignmentItem& item : problem.items) {
    item.missing_cost = unassigned;
    read_demand(in, item);
    item.cost.resize(sites);
  }
  for (size_t b = 0; b < sites; ++b) {
    for (AssignmentItem& item : problem.items) in >> item.cost[b];
  }
  return problem;
}

}  // namespace barrio::bench
