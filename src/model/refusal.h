#pragma once
// Saying no: the reason, and the nearest thing that would work. Shown in the API, the CLI and the console.

#include "model/ids.h"

namespace barrio {

enum class RefusalReason {
  unknown_app,
  not_active,  // the site's status does not take it
  policy,      // no permitted site, or this site is not one
  power,
  memory,
  accelerator,
  cores,
  storage,
  spread,       // its failure domain has what the app allows in one
  objective,    // no permitted site can answer in time
  runtime,      // the site runs no apps of this kind
  unavailable,  // permitted sites exist, none can be reached or is ready
  overloaded,
  enough,  // elsewhere is enough: the asked number of replicas is placed
  rate_limited,
  too_many_in_flight,
  body_too_long,
  spend_cap,  // the tenant has spent what it may this month
};
BARRIO_DESCRIBE_ENUM(RefusalReason, unknown_app, not_active, policy, power, memory, accelerator, cores, storage, spread,
                     objective, runtime, unavailable, overloaded, enough, rate_limited, too_many_in_flight,
                     body_too_long, spend_cap)

struct Refusal {
  RefusalReason reason = RefusalReason::unavailable;
  std::string detail;   // one sentence with the figures
  std::string nearest;  // what would work: "another 40 W at bio1", "jurisdiction ES-PV: site bio1"
};
BARRIO_DESCRIBE(Refusal, (), (reason, detail, nearest))

}  // namespace barrio
