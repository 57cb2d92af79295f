#include "decide/placement/offers.h"

#include <algorithm>
#include <array>

#include "base/check.h"

namespace barrio::decide {

namespace {

constexpr double equal_costs = 1e-9;  // apart by less

}  // namespace

Offers::Offers(const Assignment& assignment, std::span<const double> excess_prices, std::span<const double> rents)
    : assignment_(&assignment),
      problem_(&assignment.problem()),
      prices_(excess_prices),
      rents_(rents),
      aside_(problem_->resources.size()),
      allowed_(problem_->items.size()) {}

const std::vector<uint32_t>& Offers::allowed() {
  auto& bins = allowed_[item_];
  if (!bins.empty()) return bins;
  for (uint32_t b = 0; b < problem_->bins.size(); ++b) {
    if (problem_->items[item_].cost[b] != forbidden) bins.push_back(b);
  }
  return bins;
}

void Offers::look_at(size_t item) {
  item_ = item;
  without_.clear();
  if (problem_->items[item].service != none) serve();
}

void Offers::look_for_additions(size_t item) {
  item_ = item;
  without_.clear();
  if (problem_->items[item].service != none) find_gains();
}

void Offers::look_for_removals(size_t item) {
  item_ = item;
  without_.clear();
  if (problem_->items[item].service == none) return;
  find_nearest();
  for (const Copy& copy : assignment_->copies(item)) without_.push_back({copy.bin, 0, {}});
  work_ += first_.size() * without_.size() / 4;
  find_losses();
}

void Offers::find_gains() {
  const ServiceCosts& service = problem_->services[problem_->items[item_].service];
  const auto& copies = assignment_->copies(item_);
  const size_t groups = problem_->domain_of.size();
  // Without a copy nothing is served yet: the gain is less than none.
  first_.assign(service.points, copies.empty() ? 0 : std::numeric_limits<float>::infinity());
  for (const Copy& copy : copies) {
    const float* cost = &service.cost[problem_->bins[copy.bin].group * service.points];
    for (size_t p = 0; p < service.points; ++p) first_[p] = std::min(first_[p], cost[p]);
  }
  const float least = copies.empty() ? -std::numeric_limits<float>::infinity() : 0.0F;
  gain_.resize(groups);
  work_ += groups * service.points / 4;
  for (size_t g = 0; g < groups; ++g) {
    const float* cost = &service.cost[g * service.points];
    std::array<float, 4> sums{};  // apart, so that they are summed at the same time
    for (size_t p = 0; p < service.points; ++p) sums[p % 4] += std::max(least, first_[p] - cost[p]);
    gain_[g] = problem_->items[item_].service_scale * static_cast<double>(sums[0] + sums[1] + sums[2] + sums[3]);
  }
}

/// Only points that the new copy serves better than those before change what another one gains.
void Offers::look_on(uint32_t bin) {
  if (problem_->items[item_].service == none) return;
  if (assignment_->copies(item_).size() < 2) return find_gains();
  const ServiceCosts& service = problem_->services[problem_->items[item_].service];
  const float* added = &service.cost[problem_->bins[bin].group * service.points];
  nearer_.clear();
  for (uint32_t p = 0; p < service.points; ++p) {
    if (added[p] >= first_[p]) continue;
    nearer_.push_back({p, first_[p], added[p]});
    first_[p] = added[p];
  }
  work_ += gain_.size() * nearer_.size() / 4;
  for (size_t g = 0; g < gain_.size(); ++g) {
    const float* cost = &service.cost[g * service.points];
    float less = 0;
    for (const Nearer& one : nearer_)
      less += std::max(cost[one.point], one.now) - std::max(cost[one.point], one.before);
    gain_[g] += problem_->items[item_].service_scale * static_cast<double>(less);
  }
}

void Offers::find_nearest() {
  const ServiceCosts& service = problem_->services[problem_->items[item_].service];
  const auto& copies = assignment_->copies(item_);
  first_.assign(service.points, std::numeric_limits<float>::infinity());
  second_ = first_;
  nearest_.assign(service.points, 0);
  for (uint32_t c = 0; c < copies.size(); ++c) {
    const float* cost = &service.cost[problem_->bins[copies[c].bin].group * service.points];
    for (size_t p = 0; p < service.points; ++p) {
      if (cost[p] < first_[p]) {
        second_[p] = first_[p];
        first_[p] = cost[p];
        nearest_[p] = c;
      } else {
        second_[p] = std::min(second_[p], cost[p]);
      }
    }
  }
}

void Offers::serve() {
  const ServiceCosts& service = problem_->services[problem_->items[item_].service];
  const auto& copies = assignment_->copies(item_);
  const double scale = problem_->items[item_].service_scale;
  const size_t groups = problem_->domain_of.size();
  find_nearest();
  gain_.assign(groups, 0);
  for (const Copy& copy : copies) without_.push_back({copy.bin, 0, std::vector<double>(groups)});
  work_ += groups * service.points;
  for (size_t g = 0; g < groups; ++g) {
    const float* cost = &service.cost[g * service.points];
    for (size_t p = 0; p < service.points; ++p) {
      if (copies.size() < 2) {
        gain_[g] += copies.empty() ? -static_cast<double>(cost[p]) : std::max(0.0F, first_[p] - cost[p]);
      } else if (cost[p] < second_[p]) {
        gain_[g] += std::max(0.0F, first_[p] - cost[p]);
        without_[nearest_[p]].extra[g] += second_[p] - std::max(cost[p], first_[p]);
      }
    }
    gain_[g] *= scale;
    for (Without& copy : without_) copy.extra[g] *= scale;
  }
  find_losses();
  if (copies.size() != 1) return;
  for (size_t g = 0; g < groups; ++g) {  // alone, a copy that moves leaves nothing behind that serves
    double all = 0;
    for (size_t p = 0; p < service.points; ++p) all += static_cast<double>(service.cost[g * service.points + p]);
    without_[0].extra[g] = -gain_[g] - scale * all;
  }
}

void Offers::find_losses() {
  const double scale = problem_->items[item_].service_scale;
  for (size_t p = 0; p < first_.size() && !without_.empty(); ++p) {
    without_[nearest_[p]].loss += scale * (without_.size() == 1 ? -first_[p] : second_[p] - first_[p]);
  }
}

const Offers::Without& Offers::without(uint32_t from) const {
  const auto found = std::ranges::find(without_, from, &Without::bin);
  CHECK(found != without_.end());
  return *found;
}

Offers::Change Offers::use_change(size_t bin, int64_t sign) const {
  Change change;
  const int64_t* need = problem_->need(item_, bin);
  const auto& resources = problem_->bins[bin].resources;
  for (size_t d = 0; d < problem_->dimensions; ++d) {
    const uint32_t r = resources[d];
    if (r == none || need[d] == 0) continue;
    if (!rents_.empty()) change.rent += rents_[r] * static_cast<double>(sign * need[d]);
    const CapacityResource& resource = problem_->resources[r];
    const int64_t before = assignment_->used(r) - aside_[r];
    const int64_t after = before + sign * need[d];
    const auto over = [&](int64_t level) {
      return static_cast<double>(std::max<int64_t>(0, after - level) - std::max<int64_t>(0, before - level));
    };
    if (std::max(before, after) > resource.soft) change.cost += resource.soft_cost * over(resource.soft);
    if (std::max(before, after) <= resource.capacity) continue;
    const double excess = over(resource.capacity);
    if (excess != 0) change.excess += prices_[r] * excess;
  }
  return change;
}

void Offers::set_aside(uint32_t from, int64_t sign) {
  if (from == none) return;
  const int64_t* need = problem_->need(item_, from);
  const auto& resources = problem_->bins[from].resources;
  for (size_t d = 0; d < problem_->dimensions; ++d) {
    if (resources[d] != none) aside_[resources[d]] += sign * need[d];
  }
}

Offers::Change Offers::removal(uint32_t from) const {
  const AssignmentItem& item = problem_->items[item_];
  Change change = use_change(from, -1);
  change.cost -= item.cost[from];
  if (assignment_->items_in(from).size() == 1) change.cost -= problem_->bins[from].open_cost;
  if (item.service != none) change.cost += without(from).loss;
  return change;
}

/// Of the cost of devices that are partly taken, when seats in `from` are freed and others in `to` taken.
double Offers::device_change(uint32_t to, uint32_t from) const {
  const AssignmentItem& item = problem_->items[item_];
  if (item.slice < 0 || problem_->device_cost == 0) return 0;
  const SliceProfile& profile = slice_profiles[static_cast<size_t>(item.slice)];
  const auto partial = [](SlotMask taken) { return taken != 0 && taken != whole_device ? 1 : 0; };
  int change = 0;
  const auto count = [&](uint32_t bin, const std::vector<SliceSeat>& seats, bool taken) {
    std::vector<SlotMask> devices = assignment_->devices(bin);
    for (const SliceSeat& seat : seats) {
      SlotMask& device = devices[seat.device];
      change -= partial(device);
      device = static_cast<SlotMask>(taken ? device | profile.at(seat.start) : device & ~profile.at(seat.start));
      change += partial(device);
    }
  };
  if (from != none) count(from, std::ranges::find(assignment_->copies(item_), from, &Copy::bin)->seats, false);
  if (to != none) count(to, assignment_->find_seats(item_, to), true);
  return problem_->device_cost * change;
}

Offers::Change Offers::addition(uint32_t to, uint32_t from) {
  const AssignmentItem& item = problem_->items[item_];
  Change change = use_change(to, 1);
  change.cost += item.cost[to];
  if (assignment_->items_in(to).empty()) change.cost += problem_->bins[to].open_cost;
  if (item.service != none) {
    const uint32_t group = problem_->bins[to].group;
    change.cost -= gain_[group];
    if (from != none) change.cost -= without(from).extra[group];
  }
  if (item.slice >= 0) change.cost += device_change(to, from);
  return change;
}

bool Offer::is_better_than(const Offer& other) const {
  const double less = other.total() - total();
  return less > equal_costs || (less > -equal_costs && spoils < other.spoils);
}

double Offers::spoils(uint32_t to) const {
  const AssignmentItem& item = problem_->items[item_];
  if (item.slice < 0) return 0;
  std::vector<SlotMask> devices = assignment_->devices(to);
  const SliceProfile& profile = slice_profiles[static_cast<size_t>(item.slice)];
  const auto& kinds = problem_->bins[to].kinds;
  const auto empty = [&] {
    int64_t count = 0;
    for (size_t d = 0; d < devices.size(); ++d) count += devices[d] == 0 && kinds[d] == item.device_kind ? 1 : 0;
    return count;
  };
  int64_t sets = empty();
  double lost = 0;
  for (const SliceSeat& seat : assignment_->find_seats(item_, to)) {
    lost += lost_starts(devices[seat.device], profile.at(seat.start), problem_->slice_mix);
    devices[seat.device] |= profile.at(seat.start);
  }
  // Others may ask for several empty devices at once: where there are many, one less spoils more.
  const double whole = problem_->slice_mix.empty() ? 1 : problem_->slice_mix[whole_profile];
  for (const int64_t left = empty(); sets > left; --sets) lost += whole * static_cast<double>(sets);
  return lost;
}

template <class Use>
void Offers::each_target(std::span<const uint32_t> bins, uint32_t from, Use use) {
  set_aside(from, 1);
  work_ += bins.size();
  for (const uint32_t to : bins) {
    if (to == from || !assignment_->may_hold(item_, to, from)) continue;
    const Change change = addition(to, from);
    if (change.excess != forbidden) use(to, change);
  }
  set_aside(from, -1);
}

Offer Offers::best_addition() {
  return best_addition(allowed());
}

Offer Offers::best_addition(std::span<const uint32_t> bins) {
  Offer best;
  const double gained = problem_->items[item_].missing_cost;
  each_target(bins, none, [&](uint32_t to, const Change& change) {
    Offer offer{none, to, change.cost - gained, change.excess};
    if (best.to != none && best.total() < offer.total() - equal_costs) return;
    offer.spoils = spoils(to);
    if ((best.to == none || offer.is_better_than(best)) && assignment_->has_seats(item_, to)) best = offer;
  });
  return best;
}

Offer Offers::removal_of(uint32_t from) {
  const Change gone = removal(from);
  return {from, none, gone.cost + problem_->items[item_].missing_cost + device_change(none, from), gone.excess};
}

double Offers::cost_with_room(uint32_t bin) const {
  const AssignmentItem& item = problem_->items[item_];
  return item.cost[bin] - (item.service == none ? 0 : gain_[problem_->bins[bin].group]);
}

Offer Offers::best_move(uint32_t from) {
  const Change gone = removal(from);
  Offer best = removal_of(from);
  each_target(allowed(), from, [&](uint32_t to, const Change& change) {
    const Offer offer{from, to, gone.cost + change.cost, gone.excess + change.excess};
    if (offer.total() < best.total() && assignment_->has_seats(item_, to)) best = offer;
  });
  return best;
}

Offer Offers::move_to(uint32_t from, uint32_t to) {
  const Change gone = removal(from);
  set_aside(from, 1);
  const Change change = addition(to, from);
  set_aside(from, -1);
  return {from, to, gone.cost + change.cost, gone.excess + change.excess, gone.rent + change.rent};
}

const std::vector<Offer>& Offers::blocked_moves(uint32_t from, size_t most) {
  found_.clear();
  const Change gone = removal(from);
  each_target(allowed(), from, [&](uint32_t to, const Change& change) {
    if (gone.cost + change.cost >= 0) return;
    found_.push_back({from, to, gone.cost + change.cost, gone.excess + change.excess, gone.rent + change.rent});
  });
  const size_t kept = std::min(most, found_.size());
  std::ranges::partial_sort(found_, found_.begin() + static_cast<std::ptrdiff_t>(kept), {},
                            [](const Offer& offer) { return offer.cost + offer.rent; });
  found_.resize(kept);
  return found_;
}

}  // namespace barrio::decide
