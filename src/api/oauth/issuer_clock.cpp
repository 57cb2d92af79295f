#include "api/oauth/issuer_clock.h"

#include <algorithm>

namespace barrio::api {

WallTime IssuerClock::earlier(WallTime own, Time now) const {
  if (!heard_) return own;
  const WallTime issuer = heard_->issuer + std::chrono::floor<std::chrono::milliseconds>(now - heard_->at);
  if (own - issuer < least_behind) return own;
  return std::max<WallTime>(own - most_behind, issuer);
}

}  // namespace barrio::api
