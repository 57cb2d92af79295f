#pragma once
// How long a request's way to a replica and its answer's way back take, beside its wait and its run there: a high
// quantile of what was seen, so that a request can be given that much less time. Pure. It follows within some hundred
// answers: in a burst ways are long, and soon short again.

#include "base/time.h"

namespace barrio::decide {

class WayEstimate {
 public:
  static constexpr double quantile = 0.95;

  void observe(Duration took);
  /// Zero before the first.
  Duration high() const { return Duration(static_cast<Duration::rep>(high_)); }

 private:
  double high_ = 0;    // ns
  double mean_ = 0;    // ns
  double spread_ = 0;  // mean absolute deviation, ns
  bool seen_ = false;
};

}  // namespace barrio::decide
