#pragma once
// Where an app's data may go: the only reader of a Policy. Placement, routing and every forward ask here, and what is
// not known (a site without owner or jurisdiction, a policy without lists) is refused.

#include <string>
#include <vector>

#include "model/app.h"

namespace barrio::decide {

struct Verdict {
  bool permitted = false;
  std::string reason;  // one sentence, also when permitted
};

/// Whether data under `policy` may be processed or stored at `site`. Does not allocate.
bool is_permitted(const Policy& policy, const Site& site);
/// The same, with the reason.
Verdict permits(const Policy& policy, const Site& site);

/// Whether the logs of an app may be read from here. Null: nobody knows where the reader is.
bool may_read_logs(const Policy& policy, const Jurisdiction* reader);

/// The permitted sites of the network in its order, whatever their status.
std::vector<SiteId> permitted_sites(const Policy& policy, const Network& network);

/// What the policy allows, for people: "jurisdiction ES-PV or ES-CT, operator telefonica".
std::string describe(const Policy& policy);

/// What the policy would have to allow as well so that it permits `site`: "jurisdiction ES-CT". Empty when it does.
std::string missing_for(const Policy& policy, const Site& site);

}  // namespace barrio::decide
