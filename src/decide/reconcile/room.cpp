#include "decide/reconcile/room.h"

#include <algorithm>

#include "decide/placement/capacity.h"
#include "decide/placement/slices.h"

namespace barrio::decide {

SiteRoom::SiteRoom(const Site& site) {
  has_ = {{"watts", site.power.it_budget().count()},
          {"millicores", int64_t{site.servers.cores} * 1000},
          {"memory", site.servers.memory.count()},
          {"storage", site.servers.storage.count()}};
  for (const Accelerator& one : site.accelerators) {
    has_["accelerator " + one.model] += int64_t{one.count} * device_slots;
    if (one.is_sliced()) sliced_[one.model] = one.memory;
  }
}

SiteRoom::Amounts SiteRoom::amounts(const Resources& resources) const {
  Amounts amounts = {{"watts", resources.power.count()},
                     {"millicores", millicores(resources.cores)},
                     {"memory", resources.memory.count()},
                     {"storage", resources.storage.value_or(Bytes()).count()}};
  if (resources.accelerators == 0) return amounts;
  int64_t slots = device_slots;
  const auto sliced = sliced_.find(resources.accelerator);
  if (resources.slice && sliced != sliced_.end()) {
    if (const auto profile = find_profile(*resources.slice, sliced->second)) slots = slice_profiles[*profile].slots;
  }
  amounts["accelerator " + resources.accelerator] = slots * resources.accelerators;
  return amounts;
}

void SiteRoom::raise(Amounts& amounts, const Amounts& to) {
  for (const auto& [what, amount] : to) amounts[what] = std::max(amounts[what], amount);
}

void SiteRoom::take(const ReplicaId& id, const Resources& resources) {
  raise(taken_[id], amounts(resources));
}

bool SiteRoom::admits(const ReplicaId& id, const Resources& resources) const {
  Amounts others;
  Amounts present;
  for (const auto& [taker, amounts] : taken_) {
    for (const auto& [what, amount] : amounts) (taker == id ? present : others)[what] += amount;
  }
  return std::ranges::all_of(amounts(resources), [&](const auto& wanted) {
    const auto& [what, amount] = wanted;
    const auto of = [&](const Amounts& in) {
      const auto found = in.find(what);
      return found == in.end() ? int64_t{0} : found->second;
    };
    return amount <= of(present) || of(others) + amount <= of(has_);
  });
}

}  // namespace barrio::decide
