#pragma once
// Service time of one app on one site, as measured: a mean and any percentile over the last window.
// Bounded (two rotating histograms, no allocation) and aged: evidence is weighed against a prior, so that few samples
// move the answer little, and after two silent windows nothing but the prior is left. Pass `now`: nothing here reads a
// clock.

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace barrio::decide {

struct ServiceTime {
  Duration mean{};
  Duration tail{};  // at the percentile that was asked for
};

class ServiceEstimate {
 public:
  static constexpr Duration window = 30s;
  /// Samples that the prior counts as: one slow answer of a quiet site must not send its cameras elsewhere.
  static constexpr double prior_weight_mean = 8;
  static constexpr double prior_weight_tail = 100;

  void observe(Duration service, Time now);
  ServiceTime at(double percentile, const ServiceTime& prior, Time now);
  /// Samples in the present and the previous window.
  uint64_t samples(Time now);

 private:
  static constexpr size_t bucket_count = 96;
  struct Half {
    std::array<uint32_t, bucket_count> buckets{};
    uint64_t count = 0;
  };
  static size_t bucket_of(Duration service);
  static Duration upper_bound(size_t bucket);
  void rotate(Time now);

  std::array<Half, 2> halves_{};
  size_t present_ = 0;
  Time window_end_{};
  bool started_ = false;
  double mean_ns_ = 0;  // EWMA over samples
};

/// The service time at another percentile of a distribution known by its mean and p99: straight in log(1 - p), as it is
/// for an exponential tail. The mean of an exponential lies at its 63.2nd percentile. Never below the mean.
Duration tail_at(double percentile, Duration mean, Duration p99);

}  // namespace barrio::decide
