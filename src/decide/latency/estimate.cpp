#include "decide/latency/estimate.h"

#include <algorithm>
#include <cmath>

namespace barrio::decide {

namespace {
// Buckets grow by a quarter of a power of two from 10 us: 96 of them end at 167 s, each 19 % wide.
constexpr double first_bound_ns = 10'000;
constexpr double buckets_per_octave = 4;
constexpr double ewma_weight = 1.0 / 16;

Duration blend(double measured_ns, double evidence, Duration prior, double prior_weight) {
  const double prior_ns = static_cast<double>(prior.count());
  const double value = (measured_ns * evidence + prior_ns * prior_weight) / (evidence + prior_weight);
  return Duration(static_cast<Duration::rep>(value));
}
}  // namespace

size_t ServiceEstimate::bucket_of(Duration service) {
  const double ratio = static_cast<double>(service.count()) / first_bound_ns;
  if (ratio <= 1) return 0;
  return std::min(bucket_count - 1, static_cast<size_t>(std::ceil(std::log2(ratio) * buckets_per_octave)));
}

Duration ServiceEstimate::upper_bound(size_t bucket) {
  const double bound = first_bound_ns * std::exp2(static_cast<double>(bucket) / buckets_per_octave);
  return Duration(static_cast<Duration::rep>(bound));
}

void ServiceEstimate::rotate(Time now) {
  if (started_ && now < window_end_) return;
  const bool previous_is_fresh = started_ && now < window_end_ + window;
  present_ = 1 - present_;
  halves_[present_] = Half{};
  if (!previous_is_fresh) halves_[1 - present_] = Half{};
  window_end_ = previous_is_fresh ? window_end_ + window : now + window;
  started_ = true;
}

void ServiceEstimate::observe(Duration service, Time now) {
  rotate(now);
  const double sample = static_cast<double>(std::max(service, Duration::zero()).count());
  const bool first = halves_[0].count + halves_[1].count == 0;
  mean_ns_ = first ? sample : mean_ns_ + (sample - mean_ns_) * ewma_weight;
  Half& half = halves_[present_];
  ++half.buckets[bucket_of(service)];
  ++half.count;
}

uint64_t ServiceEstimate::samples(Time now) {
  rotate(now);
  return halves_[0].count + halves_[1].count;
}

ServiceTime ServiceEstimate::at(double percentile, const ServiceTime& prior, Time now) {
  const uint64_t count = samples(now);
  if (count == 0) return prior;
  const double evidence = static_cast<double>(count);
  const auto rank = static_cast<uint64_t>(std::ceil(evidence * std::clamp(percentile, 0.0, 100.0) / 100));
  uint64_t below = 0;
  size_t bucket = 0;
  for (; bucket < bucket_count - 1; ++bucket) {
    below += halves_[0].buckets[bucket] + halves_[1].buckets[bucket];
    if (below >= rank) break;
  }
  const auto tail_ns = static_cast<double>(upper_bound(bucket).count());
  return {blend(mean_ns_, evidence, prior.mean, prior_weight_mean),
          blend(tail_ns, evidence, prior.tail, prior_weight_tail)};
}

Duration tail_at(double percentile, Duration mean, Duration p99) {
  const double rest = std::max(1 - percentile / 100, 1e-6);
  const double at_mean = std::log(1 - 0.632);
  const double along = (std::log(rest) - at_mean) / (std::log(0.01) - at_mean);
  const double spread = static_cast<double>((p99 - mean).count());
  return mean + Duration(static_cast<Duration::rep>(std::max(0.0, along * spread)));
}

}  // namespace barrio::decide
