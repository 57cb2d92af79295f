#include "decide/placement/search.h"

#include "decide/placement/offers.h"
#include "decide/placement/rebuild.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <set>

namespace barrio::decide::search_test {

namespace {

constexpr size_t dimensions = 2;

AssignmentItem any_item(size_t bins, bool has_service) {
  AssignmentItem item;
  item.copies = *rc::gen::inRange<uint32_t>(1, 4);
  item.missing_cost = *rc::gen::inRange(50, 500);
  for (size_t b = 0; b < bins; ++b)
    item.cost.push_back(*rc::gen::inRange(0, 6) == 0 ? forbidden : *rc::gen::inRange(0, 40));
  item.need = {*rc::gen::inRange(0, 8), *rc::gen::inRange(1, 8)};
  if (has_service) item.service = 0;
  item.service_scale = *rc::gen::inRange(1, 4);
  if (*rc::gen::inRange(0, 3) == 0) item.most_in_domain = 1;
  if (*rc::gen::inRange(0, 3) == 0) {
    item.slice = *rc::gen::inRange<int>(0, slice_profiles.size());
    item.slices = *rc::gen::inRange<uint32_t>(1, 3);
    item.device_kind = *rc::gen::inRange<uint32_t>(0, 2);
  }
  return item;
}

/// Two bins a group that share its second resource, two groups a domain.
AssignmentProblem any_problem() {
  AssignmentProblem problem;
  problem.dimensions = dimensions;
  problem.device_cost = *rc::gen::inRange(0, 5);
  const auto groups = *rc::gen::inRange<uint32_t>(1, 6);
  for (uint32_t g = 0; g < groups; ++g) {
    const auto shared = static_cast<uint32_t>(problem.resources.size());
    problem.resources.push_back({.capacity = *rc::gen::inRange(0, 25), .soft = 8, .soft_cost = 0.5});
    problem.domain_of.push_back(g / 2);
    for (int i = 0; i < 2; ++i) {
      CapacityBin& bin = problem.bins.emplace_back();
      bin.group = g;
      bin.resources = {static_cast<uint32_t>(problem.resources.size()), shared};
      bin.open_cost = *rc::gen::inRange(0, 2) * 20;
      bin.devices.resize(*rc::gen::inRange<size_t>(0, 3));
      for (size_t d = 0; d < bin.devices.size(); ++d) bin.kinds.push_back(d % 2);
      problem.resources.push_back({.capacity = *rc::gen::inRange(0, 15)});
    }
  }
  ServiceCosts& service = problem.services.emplace_back();
  service.points = 4;
  for (size_t i = 0; i < groups * service.points; ++i) {
    service.cost.push_back(static_cast<float>(*rc::gen::inRange(0, 30)));
  }
  for (int i = *rc::gen::inRange(0, 9); i > 0; --i) {
    problem.items.push_back(any_item(problem.bins.size(), *rc::gen::arbitrary<bool>()));
  }
  return problem;
}

/// Counted anew from the copies alone: nothing twice, nothing beyond.
void check_assignment(const AssignmentProblem& problem, const Assignment& assignment) {
  std::vector<int64_t> used(problem.resources.size());
  std::set<std::tuple<uint32_t, uint32_t, int>> slots;
  for (size_t i = 0; i < problem.items.size(); ++i) {
    const AssignmentItem& item = problem.items[i];
    RC_ASSERT(assignment.copies(i).size() <= item.copies);
    std::set<uint32_t> groups;
    std::multiset<uint32_t> domains;
    for (const Copy& copy : assignment.copies(i)) {
      const CapacityBin& bin = problem.bins[copy.bin];
      RC_ASSERT(item.cost[copy.bin] != forbidden);
      RC_ASSERT(groups.insert(bin.group).second);
      domains.insert(problem.domain_of[bin.group]);
      RC_ASSERT(domains.count(problem.domain_of[bin.group]) <= item.most_in_domain);
      for (size_t d = 0; d < dimensions; ++d) used[bin.resources[d]] += item.need[d];
      RC_ASSERT(copy.seats.size() == (item.slice < 0 ? 0 : item.slices));
      for (const SliceSeat& seat : copy.seats) {
        const SliceProfile& profile = slice_profiles[static_cast<size_t>(item.slice)];
        RC_ASSERT(seat.device < bin.devices.size());
        RC_ASSERT(bin.kinds[seat.device] == item.device_kind);
        RC_ASSERT((profile.starts >> seat.start & 1) == 1);
        for (int slot = seat.start; slot < seat.start + profile.slots; ++slot) {
          RC_ASSERT(slots.emplace(copy.bin, seat.device, slot).second);
        }
      }
    }
  }
  for (size_t r = 0; r < used.size(); ++r) RC_ASSERT(used[r] <= problem.resources[r].capacity);
}

}  // namespace

TEST_CASE(
    "what is filled and what is improved never exceeds a capacity, a slot, a group or a domain, and costs no more") {
  CHECK(rc::check([] {
    const AssignmentProblem problem = any_problem();
    Assignment filled(problem);
    fill_all(filled);
    check_assignment(problem, filled);
    const Assignment improved = improve(filled, {.work = 20'000});
    check_assignment(problem, improved);
    RC_ASSERT(improved.cost() <= filled.cost() + 1e-6);
  }));
}

TEST_CASE(
    "a search that takes out and puts back exceeds nothing either, costs no more, and takes no copy from an item") {
  CHECK(rc::check([] {
    const AssignmentProblem problem = any_problem();
    Assignment filled(problem);
    fill_all(filled);
    const Assignment rebuilt = rebuild(filled, {.work = 20'000});
    check_assignment(problem, rebuilt);
    RC_ASSERT(rebuilt.cost() <= filled.cost() + 1e-6);
    for (size_t i = 0; i < problem.items.size(); ++i) RC_ASSERT(rebuilt.copies(i).size() >= filled.copies(i).size());
  }));
}

TEST_CASE("two that hold each other's better place also change over by ruin and recreate") {
  AssignmentProblem problem;
  problem.dimensions = 1;
  problem.resources = {{.capacity = 1}, {.capacity = 1}};
  for (uint32_t b = 0; b < 2; ++b) {
    problem.bins.push_back({.group = b, .resources = {b}, .open_cost = 0, .devices = {}, .kinds = {}});
    problem.domain_of.push_back(b);
    problem.items.push_back({.copies = 1, .missing_cost = 100, .cost = {5, 5}, .need = {1}});
    problem.items[b].cost[b] = 1;
  }
  Assignment start(problem);
  start.add(0, 1);
  start.add(1, 0);
  CHECK(start.cost() == 10);
  CHECK(rebuild(start, {.work = 1000}).cost() == 2);
}

TEST_CASE("the same problem is answered in the same way") {
  CHECK(rc::check([] {
    const AssignmentProblem problem = any_problem();
    const Assignment start(problem);
    const Assignment once = improve(start, {.work = 5'000});
    const Assignment again = improve(start, {.work = 5'000});
    for (size_t i = 0; i < problem.items.size(); ++i) RC_ASSERT(once.copies(i) == again.copies(i));
  }));
}

TEST_CASE("an offer says exactly what the change costs") {
  CHECK(rc::check([] {
    const AssignmentProblem problem = any_problem();
    Assignment assignment(problem);
    fill_all(assignment);
    const std::vector<double> prices(problem.resources.size(), 0.0);
    Offers offers(assignment, prices);
    for (size_t i = 0; i < problem.items.size(); ++i) {
      offers.look_at(i);
      if (assignment.copies(i).empty()) continue;
      const double before = assignment.cost();
      const Offer offer = offers.best_move(assignment.copies(i)[0].bin);
      assignment.remove(i, offer.from);
      if (offer.to != none) assignment.add(i, offer.to);
      RC_ASSERT(std::abs(assignment.cost() - before - offer.cost) < 1e-3);
    }
  }));
}

TEST_CASE("a removal costs what the offer says, and so does an addition after others were looked on") {
  CHECK(rc::check([] {
    const AssignmentProblem problem = any_problem();
    Assignment assignment(problem);
    fill_all(assignment);
    const std::vector<double> prices(problem.resources.size(), 0.0);
    Offers offers(assignment, prices);
    for (size_t i = 0; i < problem.items.size(); ++i) {
      while (!assignment.copies(i).empty()) {
        const uint32_t from = assignment.copies(i)[0].bin;
        const double before = assignment.cost();
        offers.look_for_removals(i);
        const Offer offer = offers.removal_of(from);
        assignment.remove(i, from);
        RC_ASSERT(std::abs(assignment.cost() - before - offer.cost) < 1e-3);
      }
      offers.look_for_additions(i);
      while (assignment.copies(i).size() < problem.items[i].copies) {
        const Offer offer = offers.best_addition();
        if (offer.to == none) break;
        const double before = assignment.cost();
        assignment.add(i, offer.to);
        RC_ASSERT(std::abs(assignment.cost() - before - offer.cost) < 1e-3);
        offers.look_on(offer.to);
      }
    }
  }));
}

TEST_CASE("two that hold each other's better place change over") {
  AssignmentProblem problem;
  problem.dimensions = 1;
  problem.resources = {{.capacity = 1}, {.capacity = 1}};
  for (uint32_t b = 0; b < 2; ++b) {
    problem.bins.push_back({.group = b, .resources = {b}, .open_cost = 0, .devices = {}, .kinds = {}});
    problem.domain_of.push_back(b);
  }
  for (const auto& cost : {std::vector<double>{1, 5}, std::vector<double>{5, 1}}) {
    problem.items.push_back({.copies = 1, .missing_cost = 100, .cost = cost, .need = {1}});
  }
  Assignment start(problem);
  start.add(0, 1);
  start.add(1, 0);
  CHECK(start.cost() == 10);
  CHECK(improve(start, {.work = 1000}).cost() == 2);
  // Hours of work, given up: at once, or with what was found by then.
  int asked = 0;
  const auto after = [&asked](int times) { return [&asked, times] { return ++asked > times; }; };
  constexpr uint64_t hours = 10'000'000'000'000;
  CHECK(improve(start, {.work = hours, .given_up = after(0)}).cost() == 10);
  CHECK(asked < 10);
  asked = 0;
  CHECK(improve(start, {.work = hours, .given_up = after(1000)}).cost() == 2);
  CHECK(asked < 1010);
}

TEST_CASE("a whole device comes from the node that has the fewest empty ones") {
  AssignmentProblem problem;
  for (const size_t empty : {8, 2, 3}) {
    problem.domain_of.push_back(static_cast<uint32_t>(problem.bins.size()));
    CapacityBin& bin = problem.bins.emplace_back();
    bin.group = problem.domain_of.back();
    bin.devices.assign(empty, 0);
    bin.kinds.assign(empty, 0);
    bin.devices.resize(10);  // of another kind
    bin.kinds.resize(10, 1);
  }
  problem.items.push_back({.missing_cost = 100, .cost = {0, 0, 0}, .need = {}, .slice = whole_profile});
  Assignment assignment(problem);
  CHECK(fill(assignment, 0) == 1);
  CHECK(assignment.copies(0)[0].bin == 1);
}

TEST_CASE("where there is nothing to assign, no work is done") {
  AssignmentProblem problem;
  problem.dimensions = 1;
  problem.resources = {{.capacity = 1}};
  problem.bins.push_back({.group = 0, .resources = {0}, .open_cost = 1, .devices = {}, .kinds = {}});
  problem.domain_of.push_back(0);
  CHECK(improve(Assignment(problem), {.work = 10'000'000'000'000}).cost() == 0);
}

}  // namespace barrio::decide::search_test
