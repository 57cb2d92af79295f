#pragma once
// The network file: operators, sites and how delay is estimated before anything was measured.

#include <algorithm>
#include <optional>
#include <vector>

#include "model/ids.h"
#include "model/place.h"

namespace barrio {

struct Operator {
  OperatorId id;
  std::string name;
  Jurisdiction country;
};
BARRIO_DESCRIBE(Operator, (), (id, name, country))

/// Only active sites take new replicas. A draining site keeps each replica until another site serves the app and the
/// replica's requests are answered; one that no other site can take stays.
enum class SiteStatus { planned, testing, active, draining, retired };
BARRIO_DESCRIBE_ENUM(SiteStatus, planned, testing, active, draining, retired)
/// planned -> testing -> active -> draining -> retired; planned -> active and draining -> active are allowed too.
bool may_become(SiteStatus from, SiteStatus to);

/// What feeds a node of the power tree: so many equal units, of which so many may fail at the same time and the others
/// must carry all (N+1: `spare` is 1).
struct Redundancy {
  int units = 2;
  int spare = 1;
  Watts derated(Watts nominal) const { return Watts(nominal.count() * (units - spare) / units); }
  Result<void> check() const;
};
BARRIO_DESCRIBE(Redundancy, (), (units, spare))

struct SitePower {
  Watts budget;                   // at the meter, cooling included
  double pue;                     // power usage effectiveness, >= 1
  std::optional<Watts> cap = {};  // at the meter: what may be used of it for now
  std::optional<Redundancy> redundancy = {};
  /// What IT equipment may draw: the derated budget, at most the cap, / pue.
  Watts it_budget() const;
  Result<void> check() const;
};
BARRIO_DESCRIBE(SitePower, (), (budget, pue, cap, redundancy))

/// A node of the power tree below the site's own: a feeder or a rack. IT power.
struct NodePower {
  Watts nominal;
  std::optional<Watts> cap = {};
  std::optional<Redundancy> redundancy = {};
  /// The derated nominal power, at most the cap.
  Watts usable() const;
  Result<void> check() const;
};
BARRIO_DESCRIBE(NodePower, (), (nominal, cap, redundancy))

struct Feeder {
  std::string name;
  NodePower power;
};
BARRIO_DESCRIBE(Feeder, (), (name, power))

struct Accelerator {
  std::string model;  // "L4"
  int count = 0;
  Watts power;                    // each, at full load
  Bytes memory;                   // each
  std::optional<Watts> cap = {};  // each: what one may draw for now
  std::optional<bool> mig = {};   // given out whole or in slices (NVIDIA MIG)
  bool is_sliced() const { return mig.value_or(false); }
  Watts usable() const { return cap ? std::min(*cap, power) : power; }
  Result<void> check() const;
};
BARRIO_DESCRIBE(Accelerator, (), (model, count, power, memory, cap, mig))

struct Servers {
  int cores = 0;
  Bytes memory;
  Bytes storage;
  Result<void> check() const;
};
BARRIO_DESCRIBE(Servers, (), (cores, memory, storage))

/// A replica stands in one rack.
struct Rack {
  std::string name;
  std::string feeder;  // empty: fed by the site itself
  NodePower power;
  std::vector<Accelerator> accelerators;
  Servers servers;
  static constexpr std::string_view defaulted[] = {"feeder"};
};
BARRIO_DESCRIBE(Rack, (), (name, feeder, power, accelerators, servers))

struct Site {
  SiteId id;
  std::string city;
  OperatorId owner;
  Jurisdiction jurisdiction;
  LatLon location;
  SiteStatus status = SiteStatus::planned;
  SitePower power;
  std::vector<Accelerator> accelerators;
  Servers servers;
  std::vector<std::string> assumptions;  // which figures are not public, and why we chose them
  /// The power tree below the site; none: the site is one rack, fed by nothing but the site's own power.
  std::optional<std::vector<Feeder>> feeders = {};
  std::optional<std::vector<Rack>> racks = {};     // together exactly the site's accelerators and servers
  std::optional<std::string> failure_domain = {};  // sites of one fail together; none: the site alone
  /// The racks, or the one that the site is.
  std::vector<Rack> all_racks() const;
  Result<void> check() const;
};
BARRIO_DESCRIBE(Site, (),
                (id, city, owner, jurisdiction, location, status, power, accelerators, servers, assumptions, feeders,
                 racks, failure_domain))

/// Where in its site a replica stands, where there is a choice: on which of its rack's accelerators that are given out
/// in slices, and from which of their eight memory slots on.
struct AcceleratorSeat {
  int accelerator = 0;  // of those in slices, in the rack's order
  int start = 0;
  bool operator==(const AcceleratorSeat&) const = default;
};
BARRIO_DESCRIBE(AcceleratorSeat, (), (accelerator, start))

struct Seat {
  std::string rack;  // empty: the site has none
  std::vector<AcceleratorSeat> accelerators;
  bool operator==(const Seat&) const = default;
};
BARRIO_DESCRIBE(Seat, (), (rack, accelerators))

/// Delay priors, used until measurements exist.
struct PathModel {
  Duration fibre_per_km;  // one way
  double stretch = 1;     // cable length / great circle
  Duration access_fibre;  // round trip of a fixed-line access
  Duration access_5g;     // round trip of a 5G access
  std::vector<std::string> assumptions;
  Result<void> check() const;
};
BARRIO_DESCRIBE(PathModel, (), (fibre_per_km, stretch, access_fibre, access_5g, assumptions))

/// At most 128 sites: routing keeps sets of sites in 128 bits.
inline constexpr size_t max_sites = 128;

struct Network {
  std::string name;
  std::vector<Operator> operators;
  PathModel paths;
  std::vector<Site> sites;
  /// Unique ids, known owners, at most max_sites.
  Result<void> check() const;
  const Site* find(const SiteId& id) const;
};
BARRIO_DESCRIBE(Network, (), (name, operators, paths, sites))
BARRIO_JSON_APART(Network)

}  // namespace barrio
