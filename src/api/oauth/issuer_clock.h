#pragma once
// What time it is for a token: whoever issues tokens writes the times of his own clock into them, and the clocks of
// control and of a site may be set wrong. One thread.

#include <optional>

#include "base/time.h"

namespace barrio::api {

class IssuerClock {
 public:
  /// The issuer has said at `now` that it is `issuer`.
  void hear(WallTime issuer, Time now) { heard_ = {issuer, now}; }

  /// The earlier of the site's own time and the issuer's, so that a token does not end before its time where one of
  /// them is wrong; no more than `most_behind` before `own`, so that no token lives for ever. Within `least_behind`,
  /// which an answer may be under way, both are right.
  WallTime earlier(WallTime own, Time now) const;

  static constexpr auto most_behind = 2h;
  static constexpr auto least_behind = 60s;

 private:
  struct Heard {
    WallTime issuer;
    Time at;
  };
  std::optional<Heard> heard_;
};

}  // namespace barrio::api
