#pragma once
// A policy, its devices and the arrivals, in virtual time.

#include "engine_policies.h"

namespace barrio::bench {

struct Count {
  uint64_t offered = 0;
  uint64_t on_time = 0;
  uint64_t late = 0;
  uint64_t refused = 0;  // at arrival
  uint64_t dropped = 0;  // later
  double on_time_share() const {
    return offered == 0 ? 0 : static_cast<double>(on_time) / static_cast<double>(offered);
  }
};

struct Outcome {
  Count all;
  std::vector<Count> models;
  std::vector<Count> phases;
  Duration busy{};                        // of all devices
  Duration wasted{};                      // of it, on answers that were late
  std::vector<Duration> refused_after{};  // arrival to refusal or drop
  double runs = 0;
  double refused_p99_ms() const;
};

Outcome simulate(const Scenario& scenario, const std::vector<Arrival>& arrivals, const MakePolicy& make);

/// The most answers in time that any schedule of one device could give that had known all arrivals. Exact: of works
/// with the same time to their deadline some best schedule serves in the order of arrival, in batches of neighbours (an
/// earlier work can always take the place of a later one in an earlier batch). Kept for each number of answers is the
/// earliest end.
uint64_t clairvoyant_optimum(const ModelLoad& model, const std::vector<Arrival>& arrivals);

}  // namespace barrio::bench
