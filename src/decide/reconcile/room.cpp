#include "decide/reconcile/room.h"

#include <algorithm>

#include "decide/placement/capacity.h"
#include "decide/placement/slices.h"

namespace barrio::decide {

namespace {

std::string of_rack(const std::string& rack) {
  return "rack " + rack + ": ";
}

std::string of_feeder(const std::string& feeder) {
  return "feeder " + feeder + ": ";
}

}  // namespace

SiteRoom::SiteRoom(const Site& site) {
  add(site.servers, site.accelerators, site.power.it_budget(), "");
  for (const Accelerator& one : site.accelerators) {
    if (one.is_sliced()) sliced_[one.model] = one.memory;
  }
  for (const Feeder& feeder : site.feeders.value_or(std::vector<Feeder>()))
    has_[of_feeder(feeder.name) + "watts"] = feeder.power.usable().count();
  for (const Rack& rack : site.racks.value_or(std::vector<Rack>())) {
    add(rack.servers, rack.accelerators, rack.power.usable(), of_rack(rack.name));
    feeders_[rack.name] = rack.feeder;
  }
}

/// `of`: what its amounts are called by.
void SiteRoom::add(const Servers& servers, const std::vector<Accelerator>& accelerators, Watts watts,
                   const std::string& of) {
  has_[of + "watts"] = watts.count();
  has_[of + "millicores"] = int64_t{servers.cores} * 1000;
  has_[of + "memory"] = servers.memory.count();
  has_[of + "storage"] = servers.storage.count();
  for (const Accelerator& one : accelerators)
    has_[of + "accelerator " + one.model] += int64_t{one.count} * device_slots;
}

SiteRoom::Amounts SiteRoom::amounts(const Resources& resources, const std::string& rack) const {
  Amounts amounts = {{"watts", resources.power.count()},
                     {"millicores", millicores(resources.cores)},
                     {"memory", resources.memory.count()},
                     {"storage", resources.storage.value_or(Bytes()).count()}};
  if (resources.accelerators != 0) {
    int64_t slots = device_slots;
    const auto sliced = sliced_.find(resources.accelerator);
    if (resources.slice && sliced != sliced_.end()) {
      if (const auto profile = find_profile(*resources.slice, sliced->second)) slots = slice_profiles[*profile].slots;
    }
    amounts["accelerator " + resources.accelerator] = slots * resources.accelerators;
  }
  const auto feeder = feeders_.find(rack);
  if (feeder == feeders_.end()) return amounts;
  const Amounts own = amounts;
  for (const auto& [what, amount] : own) amounts[of_rack(rack) + what] = amount;
  if (!feeder->second.empty()) amounts[of_feeder(feeder->second) + "watts"] = resources.power.count();
  return amounts;
}

void SiteRoom::raise(Amounts& amounts, const Amounts& to) {
  for (const auto& [what, amount] : to) amounts[what] = std::max(amounts[what], amount);
}

void SiteRoom::take(const ReplicaId& id, const Resources& resources, const std::string& rack) {
  raise(taken_[id], amounts(resources, rack));
}

bool SiteRoom::admits(const ReplicaId& id, const Resources& resources, const std::string& rack) const {
  Amounts others;
  Amounts present;
  for (const auto& [taker, amounts] : taken_) {
    for (const auto& [what, amount] : amounts) (taker == id ? present : others)[what] += amount;
  }
  return std::ranges::all_of(amounts(resources, rack), [&](const auto& wanted) {
    const auto& [what, amount] = wanted;
    const auto of = [&](const Amounts& in) {
      const auto found = in.find(what);
      return found == in.end() ? int64_t{0} : found->second;
    };
    return amount <= of(present) || of(others) + amount <= of(has_);
  });
}

}  // namespace barrio::decide
