#include "decide/placement/assignment.h"

#include <algorithm>

#include "base/check.h"

namespace barrio::decide {

Assignment::Assignment(const AssignmentProblem& problem)
    : problem_(&problem),
      copies_(problem.items.size()),
      items_in_(problem.bins.size()),
      used_(problem.resources.size()) {
  for (const CapacityBin& bin : problem.bins) devices_.push_back(bin.devices);
}

bool Assignment::may_hold(size_t item, size_t bin, uint32_t without) const {
  const AssignmentItem& asked = problem_->items[item];
  if (asked.cost[bin] == forbidden) return false;
  const uint32_t group = problem_->bins[bin].group;
  const bool has_domains = asked.most_in_domain != none;
  uint32_t in_domain = 0;
  for (const Copy& copy : copies_[item]) {
    if (copy.bin == without) continue;
    const uint32_t other = problem_->bins[copy.bin].group;
    if (other == group) return false;
    if (has_domains && problem_->domain_of[other] == problem_->domain_of[group]) ++in_domain;
  }
  return !has_domains || in_domain < asked.most_in_domain;
}

bool Assignment::has_room(size_t item, size_t bin) const {
  const int64_t* need = problem_->need(item, bin);
  const auto& resources = problem_->bins[bin].resources;
  for (size_t d = 0; d < problem_->dimensions; ++d) {
    if (need[d] > 0 && resources[d] != none && need[d] > left(resources[d])) return false;
  }
  return true;
}

/// Devices of other kinds are taken as far as this item goes.
std::vector<SlotMask> Assignment::devices_for(size_t item, size_t bin) const {
  std::vector<SlotMask> devices = devices_[bin];
  const auto& kinds = problem_->bins[bin].kinds;
  for (size_t i = 0; i < devices.size(); ++i) {
    if (kinds[i] != problem_->items[item].device_kind) devices[i] = whole_device;
  }
  return devices;
}

std::vector<SliceSeat> Assignment::find_seats(size_t item, size_t bin) const {
  std::vector<SliceSeat> seats = some_seats(item, bin);
  if (problem_->items[item].slice >= 0 && seats.size() < problem_->items[item].slices) return {};
  return seats;
}

size_t Assignment::most_seats(size_t item, size_t bin) const {
  return some_seats(item, bin).size();
}

std::vector<SliceSeat> Assignment::some_seats(size_t item, size_t bin) const {
  const AssignmentItem& asked = problem_->items[item];
  if (asked.slice < 0) return {};
  const auto profile = static_cast<uint8_t>(asked.slice);
  std::vector<SlotMask> devices = devices_for(item, bin);
  std::vector<SliceSeat> seats;
  for (uint32_t i = 0; i < asked.slices; ++i) {
    const auto seat = best_seat(devices, profile, problem_->slice_mix);
    if (!seat) break;
    devices[seat->device] |= slice_profiles[profile].at(seat->start);
    seats.push_back(*seat);
  }
  return seats;
}

bool Assignment::has_seats(size_t item, size_t bin) const {
  const AssignmentItem& asked = problem_->items[item];
  return asked.slice < 0 || find_seats(item, bin).size() == asked.slices;
}

bool Assignment::seats_are_free(size_t item, size_t bin, const std::vector<SliceSeat>& seats) const {
  const AssignmentItem& asked = problem_->items[item];
  if (asked.slice < 0) return seats.empty();
  if (seats.size() != asked.slices) return false;
  const SliceProfile& profile = slice_profiles[static_cast<size_t>(asked.slice)];
  std::vector<SlotMask> devices = devices_for(item, bin);
  for (const SliceSeat& seat : seats) {
    if (seat.device >= devices.size() || seat.start >= device_slots) return false;
    if ((profile.starts >> seat.start & 1) == 0 || (devices[seat.device] & profile.at(seat.start)) != 0) return false;
    devices[seat.device] |= profile.at(seat.start);
  }
  return true;
}

void Assignment::add(size_t item, Copy copy) {
  CHECK(seats_are_free(item, copy.bin, copy.seats));
  const int64_t* need = problem_->need(item, copy.bin);
  const auto& resources = problem_->bins[copy.bin].resources;
  for (size_t d = 0; d < problem_->dimensions; ++d) {
    if (resources[d] != none) used_[resources[d]] += need[d];
  }
  for (const SliceSeat& seat : copy.seats) {
    const SliceProfile& profile = slice_profiles[static_cast<size_t>(problem_->items[item].slice)];
    devices_[copy.bin][seat.device] |= profile.at(seat.start);
  }
  items_in_[copy.bin].push_back(static_cast<uint32_t>(item));
  copies_[item].push_back(std::move(copy));
}

Copy Assignment::remove(size_t item, uint32_t bin) {
  auto& all = copies_[item];
  const auto found = std::ranges::find(all, bin, &Copy::bin);
  CHECK(found != all.end());
  Copy copy = std::move(*found);
  all.erase(found);
  const int64_t* need = problem_->need(item, bin);
  const auto& resources = problem_->bins[bin].resources;
  for (size_t d = 0; d < problem_->dimensions; ++d) {
    if (resources[d] != none) used_[resources[d]] -= need[d];
  }
  for (const SliceSeat& seat : copy.seats) {
    const SliceProfile& profile = slice_profiles[static_cast<size_t>(problem_->items[item].slice)];
    devices_[bin][seat.device] = static_cast<SlotMask>(devices_[bin][seat.device] & ~profile.at(seat.start));
  }
  auto& here = items_in_[bin];
  here.erase(std::ranges::find(here, static_cast<uint32_t>(item)));
  return copy;
}

double Assignment::item_cost(size_t item) const {
  const AssignmentItem& asked = problem_->items[item];
  const auto& mine = copies_[item];
  double cost = asked.missing_cost * (asked.copies - std::min<double>(asked.copies, static_cast<double>(mine.size())));
  for (const Copy& copy : mine) cost += asked.cost[copy.bin];
  if (asked.service == none || mine.empty()) return cost;
  const ServiceCosts& service = problem_->services[asked.service];
  double served = 0;
  for (size_t p = 0; p < service.points; ++p) {
    float best = service.at(problem_->bins[mine.front().bin].group, p);
    for (const Copy& copy : mine) best = std::min(best, service.at(problem_->bins[copy.bin].group, p));
    served += static_cast<double>(best);
  }
  return cost + asked.service_scale * served;
}

double Assignment::cost() const {
  double cost = 0;
  for (size_t i = 0; i < copies_.size(); ++i) cost += item_cost(i);
  for (size_t b = 0; b < items_in_.size(); ++b) {
    if (!items_in_[b].empty()) cost += problem_->bins[b].open_cost;
    for (const SlotMask taken : devices_[b]) cost += taken != 0 && taken != whole_device ? problem_->device_cost : 0;
  }
  for (size_t r = 0; r < used_.size(); ++r) {
    const CapacityResource& resource = problem_->resources[r];
    if (used_[r] > resource.soft) cost += resource.soft_cost * static_cast<double>(used_[r] - resource.soft);
  }
  return cost;
}

bool Assignment::is_feasible() const {
  for (size_t r = 0; r < used_.size(); ++r) {
    if (used_[r] > problem_->resources[r].capacity) return false;
  }
  return true;
}

}  // namespace barrio::decide
