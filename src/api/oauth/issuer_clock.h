#pragma once
// What time it is at a site by two clocks, its own and control's, either of which may be set wrong: for a token, whose
// issuer writes the times of his own clock into it, and for what must not end too early. One thread.

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

  /// The earlier one, however far they are apart: of what is locked until a time, as it may never come back.
  WallTime earliest(WallTime own, Time now) const;

  static constexpr auto most_behind = 2h;
  static constexpr auto least_behind = 60s;

 private:
  struct Heard {
    WallTime issuer;
    Time at;
  };
  WallTime issuer(Time now) const;  // has been heard
  std::optional<Heard> heard_;
};

}  // namespace barrio::api
