#include "api/oauth/issuer_clock.h"

#include <algorithm>

namespace barrio::api {

WallTime IssuerClock::earlier(WallTime own, Time now) const {
  if (!heard_) return own;
  const WallTime issuers = issuer(now);
  if (own - issuers < least_behind) return own;
  return std::max<WallTime>(own - most_behind, issuers);
}

WallTime IssuerClock::earliest(WallTime own, Time now) const {
  return heard_ ? std::min(own, issuer(now)) : own;
}

WallTime IssuerClock::issuer(Time now) const {
  return heard_->issuer + std::chrono::floor<std::chrono::milliseconds>(now - heard_->at);
}

}  // namespace barrio::api
