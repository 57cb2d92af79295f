#include "decide/placement/capacity.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "base/check.h"

namespace barrio::decide {

namespace {

std::string cores_text(int64_t thousandths) {
  std::array<char, 32> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%g", static_cast<double>(thousandths) / 1000);
  return buffer.data();
}

std::string watts_text(int64_t watts) {
  return std::to_string(watts) + " W";
}

std::string bytes_text(int64_t bytes) {
  return to_string(Bytes(bytes));
}

std::string count_text(int64_t count) {
  return std::to_string(count);
}

const Accelerator* accelerator_of(const Rack& rack, const std::string& model) {
  const auto found = std::ranges::find_if(rack.accelerators,
                                          [&](const Accelerator& one) { return one.model == model && one.count > 0; });
  return found == rack.accelerators.end() ? nullptr : &*found;
}

int count_in(const Rack& rack, const std::string& model) {
  int count = 0;
  for (const Accelerator& one : rack.accelerators) count += one.model == model ? one.count : 0;
  return count;
}

void add_name(std::vector<std::string>& names, const std::string& name) {
  if (std::ranges::find(names, name) == names.end()) names.push_back(name);
}

std::optional<uint8_t> profile_on(const Resources& need, const Accelerator& accelerator) {
  return need.slice ? find_profile(*need.slice, accelerator.memory) : whole_profile;
}

}  // namespace

int64_t millicores(double cores) {
  return static_cast<int64_t>(std::ceil(cores * 1000 - 1e-6));
}

/// "bio1 has 30 W of IT power left, one replica needs 75 W" and "another 45 W of IT power at bio1".
struct Capacity::Lack {
  RefusalReason reason = RefusalReason::power;
  int64_t left = 0;
  int64_t need = 0;
  std::string what, where;
  std::string (*text)(int64_t) = count_text;
  std::string detail() const {
    return where + " has " + text(left) + " " + what + " left, one replica needs " + text(need);
  }
  std::string more() const { return text(need - left) + " " + what + " at " + where; }
};

Capacity::Capacity(const Network& network) : network_(&network), bins_of_(network.sites.size()) {
  for (uint32_t s = 0; s < network.sites.size(); ++s) {
    for (Rack& rack : network.sites[s].all_racks()) {
      for (const Accelerator& one : rack.accelerators) {
        if (one.is_sliced()) add_name(sliced_, one.model);
      }
      bins_of_[s].push_back(static_cast<uint32_t>(racks_.size()));
      site_of_.push_back(s);
      racks_.push_back(std::move(rack));
    }
  }
  for (const Rack& rack : racks_) {
    for (const Accelerator& one : rack.accelerators) {
      if (!is_sliced(one.model)) add_name(models_, one.model);
    }
  }
}

uint32_t Capacity::kind_of(const std::string& model) const {
  const auto found = std::ranges::find(sliced_, model);
  return found == sliced_.end() ? none : static_cast<uint32_t>(found - sliced_.begin());
}

AssignmentProblem Capacity::problem(double reserve_watt) const {
  AssignmentProblem problem;
  problem.dimensions = dimensions();
  const auto add = [&](int64_t capacity) {
    problem.resources.push_back({.capacity = std::max<int64_t>(0, capacity)});
    return static_cast<uint32_t>(problem.resources.size() - 1);
  };
  const auto active =
      std::ranges::count_if(network_->sites, [](const Site& site) { return site.status == SiteStatus::active; });
  std::map<std::string, uint32_t> domains;
  for (uint32_t s = 0; s < network_->sites.size(); ++s) {
    const Site& site = network_->sites[s];
    // A name of its own for a site alone: ids have no '/'.
    const std::string domain = site.failure_domain ? "/" + *site.failure_domain : site.id.str();
    problem.domain_of.push_back(domains.try_emplace(domain, static_cast<uint32_t>(domains.size())).first->second);
    const uint32_t power = add(site.power.it_budget().count());
    if (active > 1) {
      problem.resources[power].soft = problem.resources[power].capacity * (active - 1) / active;
      problem.resources[power].soft_cost = reserve_watt;
    }
    std::map<std::string, uint32_t> feeders;
    for (const Feeder& feeder : site.feeders.value_or(std::vector<Feeder>())) {
      feeders[feeder.name] = add(feeder.power.usable().count());
    }
    for (const uint32_t b : bins_of_[s]) {
      const Rack& rack = racks_[b];
      CapacityBin& bin = problem.bins.emplace_back();
      bin.group = s;
      bin.resources.assign(problem.dimensions, none);
      bin.resources[site_power] = power;
      if (!rack.name.empty()) bin.resources[rack_power] = add(rack.power.usable().count());
      if (!rack.feeder.empty()) bin.resources[feeder_power] = feeders.at(rack.feeder);
      bin.resources[cores] = add(int64_t{rack.servers.cores} * 1000);
      bin.resources[memory] = add(rack.servers.memory.count());
      bin.resources[storage] = add(rack.servers.storage.count());
      for (size_t m = 0; m < models_.size(); ++m) {
        bin.resources[first_accelerator + m] = add(count_in(rack, models_[m]));
      }
      for (const Accelerator& one : rack.accelerators) {
        if (!is_sliced(one.model)) continue;
        bin.devices.resize(bin.devices.size() + static_cast<size_t>(one.count));
        bin.kinds.resize(bin.devices.size(), kind_of(one.model));
      }
    }
  }
  return problem;
}

void Capacity::set_need(const Resources& need, AssignmentItem& item) const {
  item.need.assign(dimensions(), 0);
  item.need[rack_power] = item.need[feeder_power] = item.need[site_power] = need.power.count();
  item.need[cores] = millicores(need.cores);
  item.need[memory] = need.memory.count();
  item.need[storage] = need.storage.value_or(Bytes()).count();
  item.slice = -1;
  if (need.accelerators == 0) return;
  if (!is_sliced(need.accelerator)) {
    const auto model = std::ranges::find(models_, need.accelerator);
    if (model != models_.end()) {
      item.need[first_accelerator + static_cast<size_t>(model - models_.begin())] = need.accelerators;
    }
    return;
  }
  item.device_kind = kind_of(need.accelerator);
  item.slices = static_cast<uint32_t>(need.accelerators);
  for (const Rack& rack : racks_) {
    const Accelerator* accelerator = accelerator_of(rack, need.accelerator);
    if (accelerator == nullptr) continue;
    const auto profile = profile_on(need, *accelerator);
    if (!profile) continue;
    item.slice = *profile;
    return;
  }
}

std::optional<Refusal> Capacity::unfit(const Resources& need, size_t bin) const {
  if (need.accelerators == 0) return std::nullopt;
  const std::string where = name_of(bin);
  const Accelerator* accelerator = accelerator_of(racks_[bin], need.accelerator);
  if (accelerator == nullptr) {
    return Refusal{
        RefusalReason::accelerator,
        where + " has 0 " + need.accelerator + " left, one replica needs " + std::to_string(need.accelerators),
        "another " + std::to_string(need.accelerators) + " " + need.accelerator + " at " + where};
  }
  const auto profile = profile_on(need, *accelerator);
  if (need.slice && (!profile || !is_sliced(need.accelerator))) {
    return Refusal{RefusalReason::accelerator,
                   "the " + need.accelerator + " of " + where + " are not given out as " + *need.slice,
                   "a whole " + need.accelerator + " instead of " + *need.slice};
  }
  AssignmentItem asked;
  set_need(need, asked);
  if (asked.slice >= 0 && asked.slice != *profile) {
    return Refusal{RefusalReason::accelerator,
                   "the " + need.accelerator + " of " + where + " have other slices than those of other sites",
                   "a whole " + need.accelerator + " instead of " + *need.slice};
  }
  const Watts share = Watts(accelerator->usable().count() * slice_profiles[*profile].slots / device_slots);
  // What it says of itself is what the site counts, and nothing but the cap keeps an accelerator from drawing more.
  if (const Watts drawn = share * need.accelerators; need.power < drawn) {
    return Refusal{RefusalReason::power,
                   "the " + std::to_string(need.accelerators) + " " + need.accelerator +
                       " that one replica needs may draw " + watts_text(drawn.count()) + " at " + where +
                       ", its power is " + watts_text(need.power.count()),
                   "power " + watts_text(drawn.count()) + " instead of " + watts_text(need.power.count())};
  }
  if (!need.accelerator_power || *need.accelerator_power <= share) return std::nullopt;
  return Refusal{
      RefusalReason::power,
      "on each " + need.accelerator + " of " + where + " it may draw " + watts_text(share.count()) +
          ", one replica needs " + watts_text(need.accelerator_power->count()),
      "accelerator_power " + watts_text(share.count()) + " instead of " + watts_text(need.accelerator_power->count())};
}

std::string Capacity::name_of(size_t bin) const {
  const std::string site = network_->sites[site_of_[bin]].id.str();
  return racks_[bin].name.empty() ? site : site + " rack " + racks_[bin].name;
}

Capacity::Lack Capacity::accelerator_lack(const Assignment& now, size_t item, const Resources& need, size_t bin) const {
  const AssignmentItem& asked = now.problem().items[item];
  Lack lack{.reason = RefusalReason::accelerator,
            .left = 0,
            .need = need.accelerators,
            .what = need.accelerator,
            .where = name_of(bin)};
  if (need.slice) lack.what += " as " + *need.slice;
  if (asked.slice < 0) {
    const auto model = std::ranges::find(models_, need.accelerator);
    CHECK(model != models_.end());
    lack.left =
        now.left(now.problem().bins[bin].resources[first_accelerator + static_cast<size_t>(model - models_.begin())]);
    return lack;
  }
  lack.left = static_cast<int64_t>(now.most_seats(item, bin));
  return lack;
}

std::vector<Capacity::Lack> Capacity::lacks_of(const Assignment& now, size_t item, const Resources& need,
                                               size_t bin) const {
  std::vector<Lack> lacks;
  const auto note = [&](Lack lack) {
    if (lack.need > lack.left) lacks.push_back(std::move(lack));
  };
  if (need.accelerators > 0) note(accelerator_lack(now, item, need, bin));
  const auto& resources = now.problem().bins[bin].resources;
  const std::string site = network_->sites[site_of_[bin]].id.str();
  const std::string& feeder = racks_[bin].feeder;
  const auto look = [&](Dimension dimension, RefusalReason reason, const char* what, std::string where,
                        std::string (*text)(int64_t)) {
    if (resources[dimension] == none) return;
    note({reason, now.left(resources[dimension]), now.problem().items[item].need[dimension], what, std::move(where),
          text});
  };
  look(cores, RefusalReason::cores, "cores", name_of(bin), cores_text);
  look(memory, RefusalReason::memory, "of memory", name_of(bin), bytes_text);
  look(storage, RefusalReason::storage, "of storage", name_of(bin), bytes_text);
  look(rack_power, RefusalReason::power, "of power", name_of(bin), watts_text);
  look(feeder_power, RefusalReason::power, "of power", site + " feeder " + feeder, watts_text);
  look(site_power, RefusalReason::power, "of IT power", site, watts_text);
  return lacks;
}

std::optional<Refusal> Capacity::lacks(const Assignment& now, size_t item, const Resources& need, size_t site) const {
  std::optional<std::vector<Lack>> least;
  std::optional<Refusal> unfitting;
  for (const uint32_t bin : bins_of_[site]) {
    if (auto refusal = unfit(need, bin)) {
      if (!unfitting) unfitting = std::move(refusal);
      continue;
    }
    auto lacks = lacks_of(now, item, need, bin);
    if (lacks.empty()) return std::nullopt;
    if (!least || lacks.size() < least->size()) least = std::move(lacks);
  }
  if (!least) return unfitting;
  std::string nearest = "another " + least->front().more();
  for (size_t i = 1; i < least->size(); ++i) nearest += " and " + (*least)[i].more();
  return Refusal{least->front().reason, least->front().detail(), nearest};
}

Watts Capacity::power_left(const Assignment& now, size_t site) const {
  return Watts(now.left(now.problem().bins[bins_of_[site].front()].resources[site_power]));
}

std::optional<Seat> Capacity::seat(const Copy& copy) const {
  const Rack& rack = racks_[copy.bin];
  if (rack.name.empty() && copy.seats.empty()) return std::nullopt;
  Seat seat{.rack = rack.name, .accelerators = {}};
  for (const SliceSeat& one : copy.seats) seat.accelerators.push_back({static_cast<int>(one.device), one.start});
  return seat;
}

std::optional<Copy> Capacity::copy(size_t site, const Resources& need, const std::optional<Seat>& seat) const {
  const Seat said = seat.value_or(Seat());
  for (const uint32_t bin : bins_of_[site]) {
    if (racks_[bin].name != said.rack) continue;
    Copy copy{bin, {}};
    const bool in_slices = need.accelerators > 0 && is_sliced(need.accelerator);
    if (in_slices != !said.accelerators.empty()) return std::nullopt;
    for (const AcceleratorSeat& one : said.accelerators) {
      if (one.accelerator < 0 || one.start < 0 || one.start >= device_slots) return std::nullopt;
      copy.seats.push_back({static_cast<uint32_t>(one.accelerator), static_cast<uint8_t>(one.start)});
    }
    return copy;
  }
  return std::nullopt;
}

}  // namespace barrio::decide
