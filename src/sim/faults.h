#pragma once
// What goes wrong in a World, by chance: faults begin and end, some of many kinds. Each run has only some kinds
// switched on, so that one kind does not hide what another would show (swarm testing: Groce et al., ISSTA 2012).

#include <string>
#include <vector>

#include "sim/traffic.h"
#include "sim/world.h"

namespace barrio::sim {

enum class Fault {
  site_crash,     // with what was in memory; it starts again from its disk, cut off or not
  control_crash,  // of a member
  replica_crash,
  partition,  // between two sites, or a site and control
  one_way_partition,
  slow_disk,  // of a site, up to 3 s a write
  full_disk,
  full_store,      // of control
  slow_store,      // commits that arrive up to 8 s late
  paused_member,   // of control, up to 8 s
  cut_off_member,  // from the store, either way
  clock_step,      // of a site or a member, by up to days
  power_cap,       // of a site, or a feeder or rack of it
  new_site,        // one that was not there is added, and its machine boots, before or after
  surge,           // of what a device asks, up to tenfold
  loss,            // of messages between sites and control
  doubling         // of the same
};
BARRIO_DESCRIBE_ENUM(Fault, site_crash, control_crash, replica_crash, partition, one_way_partition, slow_disk,
                     full_disk, full_store, slow_store, paused_member, cut_off_member, clock_step, power_cap, new_site,
                     surge, loss, doubling)

/// Each kind with a probability of one half, one at least.
std::vector<Fault> some_faults(Rng& rng);
/// "site_crash, surge".
std::string text_of(const std::vector<Fault>& faults);
bool is_on(const std::vector<Fault>& faults, Fault fault);

class Faults {
 public:
  /// Loss and doubling are the world's own.
  Faults(World& world, Traffic& traffic, std::vector<Fault> on);
  /// Something begins, or ends.
  void strike();
  /// All ends, but that some sites may have less power than they are built for, from now on.
  void heal();

 private:
  bool coin() { return world_.loop().rng().below(2) == 0; }
  Duration up_to(Duration most) { return from_ms(to_ms(most) * world_.loop().rng().unit()); }
  size_t some_site();
  size_t some_member() { return world_.loop().rng().below(world_.members()); }
  void strike_site(Fault fault, size_t site);
  void strike_control(Fault fault, size_t member);
  void cut(Fault fault, size_t site);
  void boot_one();
  void join_one();
  void empty_disks();
  void step_clock();
  void cap(size_t site);

  World& world_;
  Traffic& traffic_;
  std::vector<Fault> on_;  // that strike at an instant
};

}  // namespace barrio::sim
