#pragma once
// The network file: operators, sites and how delay is estimated before anything was measured.

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

struct SitePower {
  Watts budget;  // at the meter, cooling included
  double pue;    // power usage effectiveness, >= 1
  /// What IT equipment may draw: budget / pue.
  Watts it_budget() const;
  Result<void> check() const;
};
BARRIO_DESCRIBE(SitePower, (), (budget, pue))

struct Accelerator {
  std::string model;  // "L4"
  int count = 0;
  Watts power;   // each, at full load
  Bytes memory;  // each
  Result<void> check() const;
};
BARRIO_DESCRIBE(Accelerator, (), (model, count, power, memory))

struct Servers {
  int cores = 0;
  Bytes memory;
  Bytes storage;
  Result<void> check() const;
};
BARRIO_DESCRIBE(Servers, (), (cores, memory, storage))

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
};
BARRIO_DESCRIBE(Site, (), (id, city, owner, jurisdiction, location, status, power, accelerators, servers, assumptions))

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
