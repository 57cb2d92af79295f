#include "sim/faults.h"

#include <algorithm>

#include "base/text.h"

namespace barrio::sim {
namespace {

constexpr Duration slowest_write = 3s;
constexpr Duration longest_stall = 8s;
constexpr int64_t clock_back_ms = 20 * 3'600'000;
constexpr int64_t clock_forth_ms = 60 * 3'600'000;
constexpr double most_hurry = 10;
constexpr int capped_at_last = 4;  // sites

constexpr Fault all_faults[] = {
    Fault::site_crash,     Fault::control_crash, Fault::replica_crash, Fault::partition,  Fault::one_way_partition,
    Fault::slow_disk,      Fault::full_disk,     Fault::full_store,    Fault::slow_store, Fault::paused_member,
    Fault::cut_off_member, Fault::clock_step,    Fault::power_cap,     Fault::new_site,   Fault::surge,
    Fault::loss,           Fault::doubling};

}  // namespace

std::vector<Fault> some_faults(Rng& rng) {
  std::vector<Fault> on;
  for (const Fault fault : all_faults) {
    if (rng.below(2) == 0) on.push_back(fault);
  }
  if (on.empty()) on.push_back(all_faults[rng.below(std::size(all_faults))]);
  return on;
}

std::string text_of(const std::vector<Fault>& faults) {
  std::vector<std::string> names;
  for (const Fault fault : faults) names.emplace_back(to_name(fault));
  return join_text(std::span<const std::string>(names), ", ");
}

bool is_on(const std::vector<Fault>& faults, Fault fault) {
  return std::ranges::find(faults, fault) != faults.end();
}

Faults::Faults(World& world, Traffic& traffic, std::vector<Fault> on)
    : world_(world), traffic_(traffic), on_(std::move(on)) {
  std::erase(on_, Fault::loss);
  std::erase(on_, Fault::doubling);
}

size_t Faults::some_site() {
  const auto& sites = world_.running_sites();
  return sites[world_.loop().rng().below(sites.size())];
}

void Faults::strike() {
  if (on_.empty()) return;
  const Fault fault = on_[world_.loop().rng().below(on_.size())];
  switch (fault) {
    case Fault::site_crash:
    case Fault::replica_crash:
    case Fault::slow_disk:
    case Fault::full_disk:
    case Fault::power_cap: return strike_site(fault, some_site());
    case Fault::partition:
    case Fault::one_way_partition: return cut(fault, some_site());
    case Fault::clock_step: return step_clock();
    case Fault::new_site: return join_one();
    case Fault::surge:
      return traffic_.hurry(world_.loop().rng().below(traffic_.devices()),
                            coin() ? 1 : 1 + (most_hurry - 1) * world_.loop().rng().unit());
    default: return strike_control(fault, some_member());
  }
}

void Faults::strike_site(Fault fault, size_t site) {
  switch (fault) {
    case Fault::site_crash: return coin() ? world_.crash_site(site) : boot_one();
    case Fault::replica_crash: return world_.crash_replica(site);
    case Fault::slow_disk:
      if (coin()) return empty_disks();
      world_.disk(site).write_takes = up_to(slowest_write);
      return;
    case Fault::full_disk:
      if (coin()) return empty_disks();
      world_.disk(site).full = true;
      return;
    default: return cap(site);
  }
}

void Faults::strike_control(Fault fault, size_t member) {
  Reach& reach = world_.reach(member);
  const Time now = world_.loop().now();
  switch (fault) {
    case Fault::control_crash: return coin() ? world_.crash_control(member) : world_.boot_control(member);
    case Fault::full_store: return world_.store().set_full(coin());
    case Fault::slow_store:
      for (size_t i = 0; i < world_.members(); ++i) world_.reach(i).stuck_until = now + up_to(longest_stall);
      return;
    case Fault::paused_member: reach.paused_until = now + up_to(longest_stall); return;
    default:
      if (coin())
        reach = {};
      else
        (coin() ? reach.cut_to : reach.cut_from) = true;
  }
}

void Faults::cut(Fault fault, size_t site) {
  if (coin()) return world_.mend_one();
  const size_t other = coin() ? World::at_control : some_site();
  if (fault == Fault::partition) return world_.cut(site, other);
  coin() ? world_.cut_one_way(site, other) : world_.cut_one_way(other, site);
}

void Faults::boot_one() {
  const auto& sites = world_.running_sites();
  const size_t first = world_.loop().rng().below(sites.size());
  for (size_t i = 0; i < sites.size(); ++i) {
    const size_t site = sites[(first + i) % sites.size()];
    if (!world_.is_up(site)) return world_.boot_site(site);
  }
}

void Faults::join_one() {
  const auto late = world_.late_sites();
  if (late.empty()) return;
  const size_t site = late[world_.loop().rng().below(late.size())];
  coin() ? world_.join_site(site) : world_.boot_site(site);
}

void Faults::empty_disks() {
  for (const size_t site : world_.running_sites()) {
    world_.disk(site).write_takes = Disk::usual_write;
    world_.disk(site).full = false;
  }
}

void Faults::step_clock() {
  const auto range = static_cast<uint64_t>(clock_back_ms + clock_forth_ms);
  const std::chrono::milliseconds ahead(static_cast<int64_t>(world_.loop().rng().below(range)) - clock_back_ms);
  if (coin()) return world_.set_clock(some_site(), ahead);
  world_.set_clock_of_member(some_member(), ahead);
}

/// Anything from nothing at all to all that the site, or one of its feeders or racks, is built for.
void Faults::cap(size_t site) {
  const Site& built = world_.network().sites[site];
  Rng& rng = world_.loop().rng();
  const bool ends = coin();
  const double share = ends ? 1 : rng.unit();
  const auto part_of = [share](Watts all) {
    return Watts(static_cast<int64_t>(static_cast<double>(all.count()) * share));
  };
  const size_t feeders = built.feeders ? built.feeders->size() : 0;
  const size_t nodes = built.racks ? feeders + built.racks->size() : 0;
  const size_t node = nodes == 0 ? 0 : rng.below(nodes + 1);
  const auto change = [&](Site& present) {
    if (ends) return take_power(present, built);
    if (node == 0) {
      present.power.cap = part_of(built.power.budget);
      return;
    }
    NodePower& power =
        node <= feeders ? (*present.feeders)[node - 1].power : (*present.racks)[node - 1 - feeders].power;
    power.cap = part_of(power.nominal);
  };
  if (nodes != 0 && coin()) return world_.ask_for_power(site, change);
  world_.change_power(site, change);
}

void Faults::heal() {
  for (size_t device = 0; device < traffic_.devices(); ++device) traffic_.hurry(device, 1);
  world_.heal_all();
  if (!is_on(on_, Fault::power_cap)) return;
  for (int i = 0; i < capped_at_last; ++i) cap(some_site());
}

}  // namespace barrio::sim
